/** What the system that runs the tests has. */

import { spawnSync } from 'node:child_process';

/** Whether there is a program of this name. Tests that need one are skipped without it, which the reporter shows. */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}
