/**
 * `npm run test:gateware [-- FILTER…]`: the benches and the lint of the gateware (gateware/bench/run.mjs).
 *
 * With --if-possible it is no failure when Verilator is missing and cannot be installed.
 */

import { join } from 'node:path';
import { root, runProgram } from './setup.mjs';
import { ensureSimulator } from './simulator.mjs';

const args = process.argv.slice(2).filter((word) => word !== '--if-possible');
const isOptional = process.argv.includes('--if-possible');
if (ensureSimulator()) {
  process.exitCode = runProgram(process.execPath, [join(root, 'gateware/bench/run.mjs'), ...args]);
} else {
  process.exitCode = isOptional ? 0 : 1;
}
