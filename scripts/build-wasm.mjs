/**
 * The kernels of the machine `cpu`: AssemblyScript in model/backends/cpu/wasm, a module for each name, into dist. Kept
 * in node_modules/.cache by what they are made of, because the compiler takes seconds.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root } from './setup.mjs';

/** The families of kernels, what shows whether one is right, and what benchmarks compare them with. */
const PRODUCTS = ['baseline', 'relaxed16', 'relaxed32', 'wide16', 'wide32'];
const MODULES = [
  'step',
  ...PRODUCTS.map((family) => `products/${family}`),
  'probe/dot-probe',
  'transcode',
  'bench/read-all',
];
const folder = join(root, 'model/backends/cpu');
const cache = join(root, 'node_modules/.cache/mmfree/wasm');
const output = join(root, 'dist/model/backends/cpu');

/** Raw loads and stores in memory that is handed in: no runtime, no garbage, no data of its own. */
const OPTIONS = [
  ['-O3', '--noAssert', '--runtime', 'stub'],
  ['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536', '--noExportMemory'],
  ['--enable', 'threads', '--enable', 'relaxed-simd'],
].flat();

mkdirSync(cache, { recursive: true });
mkdirSync(output, { recursive: true });
const sources = ['layout.ts', ...readdirSync(join(folder, 'wasm'), { recursive: true })].filter((name) =>
  name.endsWith('.ts'),
);
const contents = new Map(
  sources.map((name) => {
    return [name, readFileSync(join(folder, name === 'layout.ts' ? name : `wasm/${name}`), 'utf8')];
  }),
);
const { version } = JSON.parse(readFileSync(join(root, 'node_modules/assemblyscript/package.json'), 'utf8'));

for (const path of MODULES) {
  const name = basename(path);
  const key = createHash('sha256').update(JSON.stringify([path, version, OPTIONS, [...contents]]));
  const kept = join(cache, `${name}-${key.digest('hex').slice(0, 16)}.wasm`);
  if (!existsSync(kept)) await compile(path, kept);
  copyFileSync(kept, join(output, `${name}.wasm`));
}

async function compile(path, kept) {
  const { default: asc } = await import('assemblyscript/asc');
  const temporary = `${kept}.${process.pid}`;
  const { error } = await asc.main([`wasm/${path}.ts`, '--baseDir', folder, '--outFile', 'module.wasm', ...OPTIONS], {
    writeFile: (_, content) => writeFileSync(temporary, content),
    stderr: process.stderr,
  });
  if (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
  // At once, last: what was cut off is not there.
  renameSync(temporary, kept);
}
