import { execFileSync } from 'node:child_process';
import { chmod, link, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { mmfree, mmfreeJson, temporaryFolder } from '../../helpers/command-line.js';

const path = temporaryFolder();

describe('mmfree key', () => {
  it('makes 32 random bytes that only their owner reads, whatever the umask', async () => {
    const umask = process.umask(0o777);
    try {
      expect((await mmfree('key', '-o', path('one'))).exit).toBe(0);
    } finally {
      process.umask(umask);
    }
    expect((await mmfree('key', '-o', path('two'))).exit).toBe(0);
    expect((await stat(path('one'))).mode & 0o7777).toBe(0o600);
    const [one, two] = [await readFile(path('one')), await readFile(path('two'))];
    expect([one.length, two.length, one.equals(two)]).toEqual([32, 32, false]);
  });

  it('overwrites nothing, through links neither', async () => {
    await writeFile(path('there'), 'kept');
    await link(path('there'), path('linked'));
    for (const name of ['there', 'linked']) expect((await mmfree('key', '-o', path(name))).exit).toBe(2);
    expect(await readFile(path('there'), 'utf8')).toBe('kept');
  });
});

describe('a key file', () => {
  it.each<[string, (file: string) => Promise<unknown>]>([
    [
      'that others may read',
      async (file) => await writeFile(file, new Uint8Array(32), { mode: 0o600 }).then(() => chmod(file, 0o604)),
    ],
    [
      'that the group may read',
      async (file) => await writeFile(file, new Uint8Array(32)).then(() => chmod(file, 0o640)),
    ],
    ['that others may write', async (file) => await writeFile(file, new Uint8Array(32)).then(() => chmod(file, 0o602))],
    ['of 31 bytes', async (file) => await writeFile(file, new Uint8Array(31), { mode: 0o600 })],
    ['of 33 bytes', async (file) => await writeFile(file, new Uint8Array(33), { mode: 0o600 })],
    ['that is a folder', async (file) => await mkdir(file, { mode: 0o700 })],
    ['that is a pipe', async (file) => await Promise.resolve(execFileSync('mkfifo', ['-m', '600', file]))],
    ['that is not there', async () => await Promise.resolve()],
  ])('%s is refused, on both sides', async (name, make) => {
    const file = path(name.replaceAll(' ', '-'));
    await make(file);
    for (const command of [['virtual-board'], ['boards', '--board', 'tcp:127.0.0.1:1']]) {
      const { exit, result } = await mmfreeJson(...command, '--key-file', file);
      expect([exit, Object.keys(result['error'] as object)]).toEqual([
        2,
        expect.arrayContaining(['message', 'cause', 'fix']),
      ]);
    }
  });

  it('is for boards on the network', async () => {
    await mmfree('key', '-o', path('good'));
    for (const options of [['--usbip', '127.0.0.1:0'], ['--rtl']]) {
      expect((await mmfree('virtual-board', ...options, '--key-file', path('good'))).exit).toBe(2);
    }
    expect((await mmfree('run', '--backend', 'reference', '--key-file', path('good'), 'x')).exit).toBe(2);
  });
});
