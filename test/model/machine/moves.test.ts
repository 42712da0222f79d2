import { describe } from 'vitest';

import { AT_HOME, itMovesBetween } from './moves.js';

// With a GPU among them: test/model/backends/gpu/gpu-machine.test.ts, which has its kernels.
describe('a text', () => {
  itMovesBetween(AT_HOME);
});
