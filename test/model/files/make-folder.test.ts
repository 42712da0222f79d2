import { readdir, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { makeFolder } from '../../../model/files/make-folder.js';
import { temporaryFolder } from '../../helpers/command-line.js';

const path = temporaryFolder();

it('is made with those above it, and may be there', async () => {
  await makeFolder(path('a/b/c'));
  await makeFolder(path('a/b/c'));
  expect(await readdir(path('a/b'))).toEqual(['c']);
});

it('is not made beneath a file', async () => {
  await writeFile(path('file'), 'x');
  await expect(makeFolder(path('file/x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

it.runIf(process.platform === 'linux')('is refused where no folder can be made', async () => {
  await expect(makeFolder('/proc/none/x')).rejects.toMatchObject({ code: 'ENOENT' });
});
