import { spawnSync } from 'node:child_process';
import { linkSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkOutputs, OutputFile, writeOutput } from '../../../model/files/output-file.js';
import { temporaryFolder } from '../../helpers/command-line.js';

const path = temporaryFolder();

/** A folder of its own. */
async function folder(name: string): Promise<(file: string) => string> {
  await mkdir(path(name));
  return (file) => join(path(name), file);
}

describe('an output', () => {
  it('has its name only when it is whole', async () => {
    const at = await folder('whole');
    writeFileSync(at('file'), 'old');
    const output = await OutputFile.create(at('file'));
    await output.handle.writeFile('new');
    expect(readFileSync(at('file'), 'utf8')).toBe('old');
    await output.commit();
    expect(readFileSync(at('file'), 'utf8')).toBe('new');
    expect(readdirSync(path('whole'))).toEqual(['file']);
  });

  it('that is discarded leaves nothing', async () => {
    const at = await folder('discarded');
    const output = await OutputFile.create(at('file'));
    await output.handle.writeFile('new');
    await output.discard();
    expect(readdirSync(path('discarded'))).toEqual([]);
  });

  it('goes where a link points', async () => {
    const at = await folder('link');
    writeFileSync(at('target'), 'old');
    symlinkSync('target', at('link'));
    await writeOutput(at('link'), 'new');
    expect(readFileSync(at('target'), 'utf8')).toBe('new');
    expect(readFileSync(at('link'), 'utf8')).toBe('new');
  });

  it('may have a name as long as names can be', async () => {
    await writeOutput(path('x'.repeat(255)), 'new');
    expect(readFileSync(path('x'.repeat(255)), 'utf8')).toBe('new');
  });

  it.each(['plain', 'hard', 'symbolic', 'chain'])('is never an input, by its %s name', async (kind) => {
    const at = await folder(`input-${kind}`);
    writeFileSync(at('plain'), 'input');
    linkSync(at('plain'), at('hard'));
    symlinkSync('plain', at('symbolic'));
    symlinkSync('symbolic', at('chain'));
    for (const inputs of [[at('plain')], ['nowhere', at('hard')], [at('chain')]]) {
      const refused = { code: 'output-is-input' };
      await expect(checkOutputs([at('other'), at(kind)], inputs)).rejects.toMatchObject(refused);
      await expect(writeOutput(at(kind), 'output', { inputs })).rejects.toMatchObject(refused);
    }
    expect(readFileSync(at('plain'), 'utf8')).toBe('input');
    expect(readdirSync(path(`input-${kind}`)).length).toBe(4);
  });

  it('is no input either when it has become one while it was written', async () => {
    const at = await folder('late');
    writeFileSync(at('input'), 'input');
    const output = await OutputFile.create(at('output'), { inputs: [at('input')] });
    symlinkSync('input', at('output'));
    await expect(output.commit()).rejects.toMatchObject({ code: 'output-is-input' });
    await output.discard();
    expect(readFileSync(at('input'), 'utf8')).toBe('input');
  });

  it('is no folder and no device', async () => {
    await folder('a-folder');
    await expect(writeOutput(path('a-folder'), '')).rejects.toThrow('a-folder is a folder');
    await expect(checkOutputs(['/dev/null'], [])).rejects.toThrow('/dev/null is a device');
  });

  it('that cannot be made is named, and not what it would be called until it is whole', async () => {
    await folder('in-nothing');
    const target = path('in-nothing/missing/file');
    await expect(writeOutput(target, 'x')).rejects.toMatchObject({ code: 'ENOENT', path: target });
    const file = await OutputFile.create(path('in-nothing/file'));
    await file.handle.close();
    await expect(file.append('x')).rejects.toMatchObject({ code: 'EBADF', path: path('in-nothing/file') });
    await expect(file.commit()).rejects.toMatchObject({ path: path('in-nothing/file') });
    await file.discard();
  });

  it('that there is no room for is named, and leaves nothing', async () => {
    const at = await folder('no-room');
    const module = JSON.stringify(join(import.meta.dirname, '../../../dist/model/files/output-file.js'));
    const program = `const { writeOutput } = await import(${module});
      await writeOutput(process.argv[1], 'x'.repeat(10_000)).catch(({ code, path }) => console.log(code, path))`;
    const shell = ['-c', 'ulimit -f 1; exec "$@"', 'sh', process.execPath, '--input-type=module', '--eval', program];
    const { stdout } = spawnSync('sh', [...shell, at('file')], { encoding: 'utf8' });
    expect(stdout).toBe(`EFBIG ${at('file')}\n`);
    expect(readdirSync(path('no-room'))).toEqual([]);
  });
});
