/**
 * A lock of the kernel on an open file: one program at a time, by whatever name, and across containers.
 *
 * Node has no call for it. `flock` of util-linux inherits our descriptor and locks what it stands for, the open file
 * description (flock(2)): that stays locked when `flock` has ended, until we close it or die, however we die.
 */

import { spawnSync } from 'node:child_process';
import { isShortage } from '../../protocol/system-error.js';
import { fileInUse, lockUnavailable } from './file-error.js';

/** What the descriptor is in the child. */
const IN_CHILD = 3;
const BUSY = 1;

/**
 * Locks an open file until it is closed.
 *
 * @param path for errors
 * @throws FileError `file-in-use`, `lock-unavailable`; the system's error if there is no descriptor or memory left for
 *   it
 */
export function lockFile(descriptor: number, path: string): void {
  const child = spawnSync('flock', ['-n', '-x', String(IN_CHILD)], {
    stdio: ['ignore', 'ignore', 'pipe', descriptor],
    encoding: 'utf8',
  });
  if (child.status === 0) return;
  if (child.status === BUSY) throw fileInUse(path);
  if (child.error !== undefined && isShortage(child.error)) throw child.error;
  const problem = child.error === undefined ? `flock says: ${child.stderr.trim()}` : 'this system has no flock';
  throw lockUnavailable(path, problem, child.error);
}
