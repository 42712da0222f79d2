/** `npm test`: everything CI checks, from a bare checkout on. Stops at the first step that fails. */

import { ensureInstalled, runNpm, say } from './setup.mjs';
import { softwareGpu } from './software-gpu.mjs';

const steps = [
  ['build', 'compile and type-check'],
  ['lint', 'lint'],
  ['format:check', 'check the formatting'],
  ['deadcode', 'look for dead code and unused dependencies'],
  ['test:gateware', 'lint the gateware and test its modules', '--if-possible', '--quick'],
  ['vitest', 'run the tests'],
  ['test:usb', 'run boards as real USB devices of a real kernel', '--if-possible'],
];

const startMs = Date.now();
ensureInstalled();
const failed = steps.find(([script, purpose, ...options]) => {
  say(purpose);
  // The dynamic linker reads its variables when a process starts.
  const env = script === 'vitest' ? { ...process.env, ...softwareGpu() } : process.env;
  return runNpm(['run', '--silent', script, '--', ...options], 'inherit', env) !== 0;
});
const took = `${((Date.now() - startMs) / 1000).toFixed(1)} s`;
say(failed ? `FAILED after ${took}; repeat this step with: npm run ${failed[0]}` : `all checks passed in ${took}`);
process.exitCode = failed ? 1 : 0;
