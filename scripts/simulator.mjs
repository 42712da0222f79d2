/**
 * Verilator for the tests of the gateware, with what it needs to make programs: installed by apt where that is
 * possible.
 */

import { spawnSync } from 'node:child_process';
import { runProgram, say } from './setup.mjs';

const PROGRAMS = ['verilator', 'g++', 'make'];

/** Whether it is there, at the end. What is missing is said. */
export function ensureSimulator() {
  const missing = PROGRAMS.filter(isMissing);
  if (missing.length === 0) return true;
  const apt = ['apt-get', '-q', '-y', '-o', 'DPkg::Lock::Timeout=120'];
  const mayInstall = process.platform === 'linux' && process.getuid() === 0 && !isMissing('apt-get');
  if (mayInstall) {
    say(`install ${missing.join(', ')} for the tests of the gateware`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const install = () =>
      runProgram(apt[0], [...apt.slice(1), 'install', '--no-install-recommends', ...missing], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env,
      }) === 0;
    // Lists of packages may be missing (in a container) or too old.
    if (
      install() ||
      (runProgram(apt[0], [...apt.slice(1), 'update'], { stdio: ['ignore', 'ignore', 'inherit'] }) === 0 && install())
    )
      return true;
  }
  say(
    `TESTS OF THE GATEWARE ARE SKIPPED: ${missing.join(', ')} missing (Debian: sudo apt-get install ${missing.join(' ')})`,
  );
  return false;
}

function isMissing(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined;
}
