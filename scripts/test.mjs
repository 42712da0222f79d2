/**
 * `npm test`: everything CI checks, from a bare checkout on. Stops behind the first group of steps in which one fails.
 *
 * Steps of a group run side by side: each of them leaves a core idle for much of its time, and none is a test that could time out.
 */

import { spawn } from 'node:child_process';
import { NODES_OF_CI, otherNodes } from './other-nodes.mjs';
import { ensureInstalled, root, runNpm, say } from './setup.mjs';
import { softwareGpu } from './software-gpu.mjs';

const groups = [
  [['build', 'compile and type-check']],
  [
    ['lint', 'lint'],
    ['format:check', 'check the formatting'],
    ['deadcode', 'look for dead code and unused dependencies'],
    ['api', 'look for docstrings that are missing, and compare the API reference', '--check'],
  ],
  [['test:gateware', 'lint the gateware and test its modules', '--if-possible', '--quick']],
  [['vitest', 'run the tests']],
  [['test:nodes', 'run what touches the engine on newer versions of Node']],
  [['test:usb', 'run boards as real USB devices of a real kernel', '--if-possible', '--quick']],
];

const startMs = Date.now();
const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
const times = [];
ensureInstalled();
// Beside what computes, as it waits for others; what cannot be had is told again, and counts, where it is needed.
let downloads = beside(['downloads', 'get what tests take from elsewhere']);
let failed = [];
for (const steps of groups) {
  if (steps[0][0] === 'test:gateware') {
    await downloads;
    downloads = beside(['test:usb', 'get what the USB lab takes', '--if-possible', '--prepare']);
  }
  if (steps[0][0] === 'vitest') await downloads;
  say(steps.map(([, purpose]) => purpose).join('; '));
  const stepMs = Date.now();
  const ended = await Promise.all(steps.map((step) => (steps.length === 1 ? alone(step) : beside(step))));
  times.push(`${steps.map(([script]) => script).join(' + ')} ${seconds(stepMs)}`);
  failed = steps.filter((_, index) => ended[index] !== 0);
  if (failed.length > 0) break;
}
const took = `${seconds(startMs)} (${times.join(', ')})`;
const again = failed.map(([script]) => `npm run ${script}`).join(', ');
say(failed.length > 0 ? `FAILED after ${took}; repeat this step with: ${again}` : `all checks passed in ${took}`);
process.exitCode = failed.length > 0 ? 1 : 0;

function alone([script, , ...options]) {
  // The dynamic linker reads its variables when a process starts.
  const env = script === 'vitest' ? { ...process.env, ...softwareGpu(), ...otherNodes(NODES_OF_CI) } : process.env;
  return runNpm(argumentsOf(script, options), 'inherit', env);
}

/** What it prints comes at its end, in one piece. */
async function beside([script, purpose, ...options]) {
  // On Windows npm is a .cmd file, which only a shell starts.
  const shell = process.platform === 'win32';
  const child = spawn('npm', argumentsOf(script, options), { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], shell });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => output.push(data));
  const status = await new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', (code) => resolve(code ?? 1));
  });
  if (output.length > 0) say(`${purpose}:`);
  process.stderr.write(Buffer.concat(output));
  return status;
}

function argumentsOf(script, options) {
  return ['run', '--silent', script, '--', ...options];
}
