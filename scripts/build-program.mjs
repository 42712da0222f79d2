/**
 * The program in fewer and smaller files: dist/program, made of what the compiler has made. Node takes a third of a
 * millisecond for each module, and some memory. What is loaded only when it is needed stays so.
 */
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './setup.mjs';

/** In one file each: threads that somebody waits for, and a process that shows how much memory a model needs. */
const WHOLE = [
  'model/backends/cpu/node/cpu-thread',
  'model/backends/cpu/node/helper-thread',
  'cli/work/bench/cpu/memory-process',
];
const pathsOf = (names) => names.map((name) => join(root, 'dist', `${name}.js`));

const options = {
  absWorkingDir: root,
  outdir: join(root, 'dist/program'),
  outbase: join(root, 'dist'),
  bundle: true,
  // Packages stay what npm has installed.
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
};
await build({ ...options, entryPoints: pathsOf(WHOLE) });
await build({ ...options, entryPoints: pathsOf(['cli/start']), splitting: true, chunkNames: 'parts/[hash]' });
