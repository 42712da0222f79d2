/**
 * `npm run test:nodes`: on newer versions of Node, what touches the engine and native packages: threads with memory
 * that they share, the packages for USB and for GPUs, and clients of the service, which want a newer Node. The
 * installed program is tried on them by test/package.
 */

import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, root, runProgram, say } from './setup.mjs';
import { NODES_OF_CI, otherNodes } from './other-nodes.mjs';
import { clients } from './clients.mjs';
import { softwareGpu } from './software-gpu.mjs';

const TESTS = [
  'test/model/check-image.test.ts',
  'test/model/backends/cpu/same-texts.test.ts',
  'test/model/backends/cpu/wasm/products.test.ts',
  'test/model/backends/gpu/device/gpu-device.test.ts',
  'test/device/usb/usb-package.test.ts',
  'test/device/finding/serial-ports.test.ts',
  'test/clients/clients.test.ts',
];

ensureInstalled();
ensureBuilt();
const env = { ...process.env, ...softwareGpu(), ...clients() };
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
for (const node of otherNodes(NODES_OF_CI)?.MMFREE_TEST_NODES.split('\n') ?? []) {
  say(`on ${node}`);
  process.exitCode ||= runProgram(node, [vitest, 'run', ...TESTS], { cwd: root, env });
}
