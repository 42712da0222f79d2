import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { describeProblem } from '../../cli/problem.js';

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

it.each(['thrown text', undefined, null, 7])('describes %j, though it is no error', (thrown) => {
  expect(describeProblem(thrown)).toMatchObject({ exit: 1, code: 'internal-error', message: String(thrown) });
});
