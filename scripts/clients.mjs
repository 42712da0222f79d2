/**
 * Clients of other makers for test/clients, which want a newer Node than mmfree: installed from their own lock file
 * into test/clients/node_modules (110 MB), beside what the project itself depends on.
 */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { root, runProgram, say } from './setup.mjs';

const folder = join(root, 'test/clients');

/**
 * The environment in which they are tried: `MMFREE_TEST_CLIENTS`. Undefined where they cannot be installed, which is
 * said.
 */
export function clients() {
  if (installed()) return { MMFREE_TEST_CLIENTS: '1' };
  say('NOT TRIED WITH CLIENTS OF OTHER MAKERS: they could not be installed here');
  return undefined;
}

function installed() {
  const modifiedMs = (name) => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  // npm writes this file last, so an install that was cut off has none.
  if (modifiedMs('node_modules/.package-lock.json') >= modifiedMs('package-lock.json')) return true;
  say('install clients of other makers into test/clients');
  const shell = process.platform === 'win32';
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  return runProgram('npm', ['ci', ...options], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'], shell }) === 0;
}
