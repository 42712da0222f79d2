/**
 * `npm run bench:gpu [-- <shape> …]`: what docs/PERFORMANCE.md shows of a GPU, as Markdown on stdout. All shapes take
 * minutes, and 6 GB of disk where temporary files go (`TMPDIR`).
 *
 * `--stability` adds the long runs: 200 times loaded and unloaded, then 100,000 tokens.
 */

import { grouped, mmfree, print, rows, SHAPES } from './bench-tables.mjs';
import { ensureBuilt, ensureInstalled, say } from './setup.mjs';

ensureInstalled();
ensureBuilt();

const given = process.argv.slice(2);
const wantsStability = given.includes('--stability');
const shapes = given.filter((name) => !name.startsWith('--'));
const results = (shapes.length > 0 ? shapes : SHAPES).map((shape) => {
  say(`measure ${shape}`);
  return { shape, ...mmfree('bench', 'gpu', '--shape', shape) };
});

const [{ adapter, decode, prefill }] = results;

print(`### ${adapter}`, '', `Node ${process.version}, \`npm run bench:gpu\`.`, '');
const columns = [
  'shape',
  ...decode.map(({ batch }) => `decode, batch ${batch}`),
  ...prefill.map(({ tokens }) => `prefill, ${tokens}`),
  'weights read',
  'of a copy',
  'load',
  'buffers',
  'card',
];
const lines = results.map((result) => [
  result.shape,
  ...result.decode.map(({ tokens_per_second: rate }) => grouped(rate)),
  ...result.prefill.map(({ tokens_per_second: rate }) => grouped(rate)),
  `${grouped(result.weight_bytes_per_second / 1e9)} GB/s`,
  `${(100 * (result.weight_bytes_per_second / result.copy_bytes_per_second)).toFixed(1)} %`,
  `${result.load_seconds.toFixed(2)} s`,
  `${grouped(result.decode[0].allocated_bytes / 1e6)} MB`,
  result.card_bytes === null ? 'not known' : `${grouped(result.card_bytes / 1e6)} MB`,
]);
print(...rows(columns, lines), '');
for (const {
  shape,
  decode: [single],
} of results) {
  const shares = Object.entries(single.kernels).map(([kernel, microseconds]) => [kernel, microseconds.toFixed(1)]);
  if (shares.length > 0)
    print(`GPU time of a token of ${shape} at batch 1:`, '', ...rows(['kernel', 'µs'], shares), '');
}
if (wantsStability) {
  say('load and unload 200 times, generate 100,000 tokens');
  const result = mmfree('bench', 'gpu', '--shape', results[0].shape, '--cycles', '200', '--tokens', '100000');
  const growth = ([key, value]) => [key.replaceAll('_', ' '), value === null ? 'not known' : grouped(value)];
  print(
    `Stability (${results[0].shape}):`,
    '',
    ...rows(
      ['what', 'value'],
      Object.entries(result)
        .filter(([key]) => key !== 'type' && key !== 'exit')
        .map(growth),
    ),
  );
}
