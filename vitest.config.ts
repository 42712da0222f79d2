import { defineConfig } from 'vitest/config';

// vitest reads this file only as a default export.
export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    // All cores: by default one is left idle, which on a machine with two is half of it.
    maxWorkers: '100%',
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
