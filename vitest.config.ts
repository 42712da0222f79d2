import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Files with a process each, because they start programs, drivers and threads, put whole commands together, or change
 * what modules hold. The others share a few processes: half a second each, for starting one and for loading what many
 * of them test, is as long as most of them take.
 */
const APART = [
  'browser',
  'cli',
  'clients',
  'engine/machines.test.ts',
  'examples',
  'firmware',
  'gateware',
  'model/backends',
  'model/train',
  'package',
  'scripts',
  'serve/systemd',
];

const files = readdirSync(join(import.meta.dirname, 'test'), { recursive: true, encoding: 'utf8' })
  .map((name) => `test/${name.replaceAll('\\', '/')}`)
  .filter((name) => name.endsWith('.test.ts'));
const apart = files.filter(needsProcess);
const together = files.filter((file) => !needsProcess(file));

/** Also who replaces modules, which others have loaded. */
function needsProcess(file: string): boolean {
  return (
    APART.some((path) => `${file}/`.startsWith(`test/${path}/`)) || readFileSync(file, 'utf8').includes('vi.mock(')
  );
}

// vitest reads this file only as a default export.
export default defineConfig({
  test: {
    environment: 'node',
    setupFiles: ['test/setup.ts'],
    // All cores: by default one is left idle, which on a machine with two is half of it.
    maxWorkers: '100%',
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // In this order: what takes long comes first.
    projects: [
      { extends: true, test: { name: 'apart', include: apart } },
      { extends: true, test: { name: 'together', include: together, isolate: false } },
    ],
  },
});
