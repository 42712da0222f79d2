/**
 * `npm run browser`: a Chromium without a window for the test of the portable part (test/browser), installed by apt
 * where that is possible.
 *
 * With `--if-possible`, none is no failure, and said.
 */

import { spawnSync } from 'node:child_process';
import { runProgram, say } from './setup.mjs';

/**
 * As test/helpers/chromium.ts looks for them; Debian's first one is the smallest (64 MB, and 31 MB shared with the
 * software GPU).
 */
const PROGRAMS = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];
const PACKAGE = PROGRAMS[0];

if (!PROGRAMS.some(isThere) && !installed()) {
  say(`THE TEST IN A BROWSER IS SKIPPED: no Chromium here (Debian: sudo apt-get install ${PACKAGE})`);
  process.exitCode = process.argv.includes('--if-possible') ? 0 : 1;
}

function installed() {
  if (process.platform !== 'linux' || process.getuid() !== 0 || !isThere('apt-get')) return false;
  say(`install ${PACKAGE} for the test in a browser`);
  const install = () => apt('install', '--no-install-recommends', PACKAGE);
  // Lists of packages may be missing (in a container) or too old.
  return (install() || (apt('update') && install())) && isThere(PACKAGE);
}

function apt(...args) {
  const options = ['-q', '-y', '-o', 'DPkg::Lock::Timeout=120'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return runProgram('apt-get', [...options, ...args], { stdio: ['ignore', 'ignore', 'inherit'], env }) === 0;
}

function isThere(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
}
