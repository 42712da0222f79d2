/**
 * `npm run downloads`: what tests take from elsewhere, before anybody waits for it. It is no failure where something
 * cannot be had: whoever needs it says so again.
 */

import { join } from 'node:path';
import { clients } from './clients.mjs';
import { NODES_OF_CI, otherNodes } from './other-nodes.mjs';
import { root, runProgram } from './setup.mjs';
import { ensureSimulator } from './simulator.mjs';
import { softwareGpu } from './software-gpu.mjs';

// One after the other: two that install packages would wait for each other.
runProgram(process.execPath, [join(root, 'scripts/browser.mjs'), '--if-possible']);
ensureSimulator();
softwareGpu();
otherNodes(NODES_OF_CI);
clients();
