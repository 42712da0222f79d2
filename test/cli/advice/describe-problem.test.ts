import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { describeProblem } from '../../../cli/advice/describe-problem.js';

async function failureOf(path: string): Promise<unknown> {
  return readFile(path).catch((error: unknown) => error);
}

it('takes an error of the operating system apart', async () => {
  expect(describeProblem(await failureOf('/no/such/file'))).toEqual({
    exit: 2,
    code: 'system-error',
    message: '/no/such/file: no such file or directory',
    cause: 'The operating system refused with ENOENT.',
    fix: 'Check the path; a relative one starts at the current folder.',
    facts: { system_error: 'ENOENT', path: '/no/such/file' },
  });
});

it('says what is wrong when a folder is read as a file', async () => {
  expect(describeProblem(await failureOf('.'))).toMatchObject({
    exit: 2,
    message: 'a file: illegal operation on a directory',
  });
});

it('says what helps when a new file is there already', async () => {
  const failure = await writeFile(fileURLToPath(import.meta.url), '', { flag: 'wx' }).catch((error: unknown) => error);
  expect(describeProblem(failure)).toMatchObject({
    exit: 2,
    fix: 'Take away what is there, or use a path where nothing is yet.',
  });
});

it.each(['thrown text', undefined, null, 7])('describes %j, though it is no error', (thrown) => {
  expect(describeProblem(thrown)).toMatchObject({ exit: 1, code: 'internal-error', message: String(thrown) });
});
