/**
 * What `npm start`, `npm test` and `npm run mmfree` share: getting a fresh checkout installed and built.
 *
 * Plain Node without dependencies, because nothing is installed yet when it runs. All that set-up prints goes to
 * stderr, so that stdout stays the command's own.
 */

import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const sourceFolders = ['protocol', 'model', 'device', 'engine', 'library', 'serve', 'firmware-host', 'cli'];

// Ctrl-C reaches the running child as well; waiting for it keeps its last words and its exit status.
process.on('SIGINT', () => {});

/** Prints one line that says what happens next. */
export function say(line) {
  process.stderr.write(`» ${line}\n`);
}

/** Runs a program to its end and returns its exit status: 128 + n after signal n, 1 when it could not start. */
export function runProgram(program, args, options = {}) {
  const child = spawnSync(program, args, { stdio: 'inherit', ...options });
  if (child.error) say(`cannot run ${program}: ${child.error.message}`);
  return child.status ?? (child.signal ? 128 + constants.signals[child.signal] : 1);
}

/** Runs npm in the checkout, without a stdin, so that it can never wait for an answer. */
export function runNpm(args, stdout = 'inherit', env = process.env) {
  // On Windows npm is a .cmd file, which only a shell starts.
  const shell = process.platform === 'win32';
  return runProgram('npm', args, { cwd: root, stdio: ['ignore', stdout, 'inherit'], shell, env });
}

/** Runs a command of mmfree itself on the caller's terminal. */
export function runMmfree(args) {
  return runProgram(process.execPath, [join(root, 'dist/cli/main.js'), ...args]);
}

/** Installs the locked dependencies unless they are there already. Exits on failure. */
export function ensureInstalled() {
  // npm writes this file last, so an install that was cut off has none.
  if (modifiedMs('node_modules/.package-lock.json') >= modifiedMs('package-lock.json')) return;
  say('install dependencies');
  // No dependency needs its install script (or a compiler). NODE_ENV=production must not drop the build tools.
  exitUnlessZero(runNpm(['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'], process.stderr));
}

/** Compiles the sources unless the last file that a build writes is newer than all of them. Exits on failure. */
export function ensureBuilt() {
  const newestSourceMs = Math.max(...sourceFolders.flatMap(pathsIn).map(modifiedMs), modifiedMs('package-lock.json'));
  if (modifiedMs('dist/cli/main.js') >= newestSourceMs) return;
  say('build');
  exitUnlessZero(runNpm(['run', '--silent', 'build'], process.stderr));
}

/** Ends this process with `status` unless it is 0. */
export function exitUnlessZero(status) {
  if (status !== 0) process.exit(status);
}

/** A folder and everything in it. Folders count: deleting a source changes only the time of its folder. */
function pathsIn(folder) {
  return [folder, ...readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name))];
}

/** Time of the last change, 0 for what does not exist. */
function modifiedMs(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
