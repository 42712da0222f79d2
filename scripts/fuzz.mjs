/**
 * `npm run fuzz [-- <test files>]`: the property tests with a fresh seed and as many runs as their time allows.
 *
 * `MMFREE_FUZZ_SEED` repeats an earlier run; `MMFREE_FUZZ_SECONDS` is the time for each property (10 by default).
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, root, runProgram, say } from './setup.mjs';

ensureInstalled();

const seed = process.env.MMFREE_FUZZ_SEED ?? String(Math.floor(Math.random() * 2 ** 31));
const seconds = process.env.MMFREE_FUZZ_SECONDS ?? '10';
const given = process.argv.slice(2);
const files = given.length > 0 ? given : propertyTests();

say(`fuzz ${files.length} files, ${seconds} s for each property; repeat with MMFREE_FUZZ_SEED=${seed}`);
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
process.exitCode = runProgram(process.execPath, [vitest, 'run', '--test-timeout=600000', ...files], {
  cwd: root,
  env: {
    ...process.env,
    MMFREE_FUZZ_SEED: seed,
    MMFREE_FUZZ_SECONDS: seconds,
    MMFREE_FUZZ_RUNS: process.env.MMFREE_FUZZ_RUNS ?? '1000000000',
  },
});

function propertyTests() {
  return readdirSync(join(root, 'test'), { recursive: true })
    .map((name) => join('test', name))
    .filter((path) => path.endsWith('.test.ts') && readFileSync(join(root, path), 'utf8').includes("'fast-check'"));
}
