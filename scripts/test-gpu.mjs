/** `npm run test:gpu`: the tests that compute on a GPU, on a software GPU unless `MMFREE_TEST_GPU=own`. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, root, runProgram } from './setup.mjs';
import { softwareGpu } from './software-gpu.mjs';

ensureInstalled();
const given = process.argv.slice(2);
const files = given.length > 0 ? given : gpuTests();
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
process.exitCode = runProgram(process.execPath, [vitest, 'run', ...files], {
  cwd: root,
  env: { ...process.env, ...softwareGpu() },
});

function gpuTests() {
  return readdirSync(join(root, 'test'), { recursive: true })
    .map((name) => join('test', name))
    .filter((path) => path.endsWith('.test.ts') && readFileSync(join(root, path), 'utf8').includes('hasGpu'));
}
