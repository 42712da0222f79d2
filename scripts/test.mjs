/** `npm test`: everything CI checks, from a bare checkout on. Stops at the first step that fails. */

import { ensureInstalled, runNpm, say } from './setup.mjs';
import { NODES_OF_CI, otherNodes } from './other-nodes.mjs';
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
const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
const times = [];
ensureInstalled();
const failed = steps.find(([script, purpose, ...options]) => {
  say(purpose);
  const stepMs = Date.now();
  // The dynamic linker reads its variables when a process starts.
  const env = script === 'vitest' ? { ...process.env, ...softwareGpu(), ...otherNodes(NODES_OF_CI) } : process.env;
  const status = runNpm(['run', '--silent', script, '--', ...options], 'inherit', env);
  times.push(`${script} ${seconds(stepMs)}`);
  return status !== 0;
});
const took = `${seconds(startMs)} (${times.join(', ')})`;
say(failed ? `FAILED after ${took}; repeat this step with: npm run ${failed[0]}` : `all checks passed in ${took}`);
process.exitCode = failed ? 1 : 0;
