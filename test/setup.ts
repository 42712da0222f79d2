/**
 * One seed for every property test, so that a run which passed passes again; `npm run fuzz` explores other seeds.
 *
 * A property must not set `numRuns` or `seed` of its own: that would override what is set here.
 */

import fc from 'fast-check';
import { vi } from 'vitest';

const { MMFREE_FUZZ_SEED, MMFREE_FUZZ_RUNS, MMFREE_FUZZ_SECONDS } = process.env;

// Of the file before, in the same process.
vi.unstubAllEnvs();
vi.useRealTimers();

fc.configureGlobal({
  seed: Number(MMFREE_FUZZ_SEED ?? 20_240_604),
  numRuns: Number(MMFREE_FUZZ_RUNS ?? 100),
  ...(MMFREE_FUZZ_SECONDS !== undefined && { interruptAfterTimeLimit: Number(MMFREE_FUZZ_SECONDS) * 1000 }),
});
