import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openRegular, readAny, readRegular } from '../../../model/files/input-file.js';
import { temporaryFolder } from '../../helpers/command-line.js';
import { hasProgram } from '../../helpers/system.js';

const path = temporaryFolder();
const limits = { limitBytes: 1000 };
const text = async (name: string): Promise<string> => new TextDecoder().decode(await readAny(name, limits));

describe('a file', () => {
  it('is read whole, up to the limit and not beyond', async () => {
    await writeFile(path('file'), 'x'.repeat(1000));
    expect(await text(path('file'))).toBe('x'.repeat(1000));
    expect((await readRegular(path('file'), limits)).length).toBe(1000);
    await writeFile(path('long'), 'x'.repeat(1001));
    await expect(readAny(path('long'), limits)).rejects.toMatchObject({ code: 'input-too-large' });
    await writeFile(path('empty'), '');
    expect(await text(path('empty'))).toBe('');
  });

  it('that is not there is an error of the system that names it', async () => {
    await expect(readAny(path('no'), limits)).rejects.toMatchObject({ code: 'ENOENT', path: path('no') });
  });

  // As `git clone` leaves it where Git LFS is not installed: an image used to be "not a weight image" then, and a text
  // was taken for the text.
  it('that is a pointer of Git LFS is refused by name', async () => {
    const start = 'version https://git-lfs.github.com/spec/v1\n';
    await writeFile(path('pointer'), `${start}oid sha256:${'ab'.repeat(32)}\nsize 2834435\n`);
    const refusal = { code: 'input-lfs-pointer', facts: { file: path('pointer') } };
    for (const read of [readAny, readRegular])
      await expect(read(path('pointer'), limits)).rejects.toMatchObject(refusal);
    expect(() => openRegular(path('pointer'))).toThrow(`${path('pointer')} is a Git LFS pointer`);
    // No pointer has so many bytes: a text about them is one.
    await writeFile(path('about'), start.padEnd(1024, '.'));
    expect(await readAny(path('about'), { limitBytes: 1024 })).toHaveLength(1024);
  });

  it('that is a folder is refused', async () => {
    mkdirSync(path('folder'));
    for (const read of [readAny, readRegular])
      await expect(read(path('folder'), limits)).rejects.toMatchObject({ code: 'input-not-a-file' });
    expect(() => openRegular(path('folder'))).toThrow('is a folder, not a regular file');
  });
});

describe.skipIf(!hasProgram('mkfifo'))('a pipe', () => {
  const pipe = (name: string): string => {
    execFileSync('mkfifo', [path(name)]);
    return path(name);
  };

  it('is read to its end, also when its writer comes late and writes in pieces', async () => {
    const name = pipe('late');
    const reading = text(name);
    const writer = await open(name, 'w');
    await writer.write('one ');
    await writer.write('two');
    await writer.close();
    expect(await reading).toBe('one two');
  });

  it('is given up at Ctrl-C while nobody writes', async () => {
    const abort = new AbortController();
    const reading = readAny(pipe('silent'), { ...limits, signal: abort.signal });
    abort.abort();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    await expect(readAny(path('silent'), { ...limits, signal: abort.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  it('that never ends is given up at the limit', async () => {
    const name = pipe('endless');
    const writer = spawn('sh', ['-c', `yes > ${name}`], { stdio: 'ignore' });
    await expect(readAny(name, limits)).rejects.toMatchObject({ code: 'input-too-large' });
    await once(writer, 'close');
  });

  it('is refused, at once, where a regular file is needed', () => {
    const name = pipe('key');
    expect(() => openRegular(name)).toThrow(`${name} is a pipe, not a regular file`);
  });
});

describe.skipIf(process.platform === 'win32')('a device', () => {
  it('that never ends is given up at the limit', async () => {
    await expect(readAny('/dev/zero', limits)).rejects.toMatchObject({ code: 'input-too-large' });
  });

  it('that holds nothing is empty', async () => {
    expect(await text('/dev/null')).toBe('');
  });

  it('is refused where a regular file is needed', async () => {
    await expect(readRegular('/dev/zero', limits)).rejects.toThrow('/dev/zero is a device, not a regular file');
  });
});

it('closes what it has opened', async () => {
  writeFileSync(path('small'), 'small');
  const before = openRegular(path('small'));
  for (let k = 0; k < 20; k++) {
    await readAny(path('small'), limits);
    await readRegular('/dev/zero', limits).catch(() => {});
    await readAny('/dev/zero', limits).catch(() => {});
  }
  // The lowest free number is given out, so it would have grown.
  expect(openRegular(path('small'))).toBeLessThan(before + 20);
});
