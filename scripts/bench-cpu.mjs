/**
 * `npm run bench:cpu [-- <shape> …] [--peer <folder>] [--stability]`: what docs/PERFORMANCE.md shows of a processor, as
 * Markdown on stdout. All shapes take half an hour, and 6 GB of disk where temporary files go (`TMPDIR`).
 *
 * `--peer` is a folder that scripts/peers/llama-cpp.mjs has made. `--stability` adds the long runs: 200 times loaded
 * and unloaded, then 100,000 tokens.
 */

import { parseArgs } from 'node:util';
import { grouped, mmfree, print, rows, SHAPES } from './bench-tables.mjs';
import { ensureBuilt, ensureInstalled, say } from './setup.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { peer: { type: 'string' }, stability: { type: 'boolean' } },
});
ensureInstalled();
ensureBuilt();
const shapes = positionals.length > 0 ? positionals : SHAPES;
const peer = values.peer === undefined ? [] : ['--peer', values.peer];
const results = shapes.map((shape) => {
  say(`measure ${shape}`);
  return { shape, ...mmfree('bench', 'cpu', '--shape', shape, ...peer) };
});

const [{ processor, node }] = results;
print(`### ${processor}`, '', `Node ${node}, \`npm run bench:cpu\`.`, '');
for (const result of results) {
  const { shape, load_average: load, reads, decode, prefill, peer: peers } = result;
  const threads = reads.map((read) => read.threads);
  const rate = (found) => (found === undefined ? '' : found.tokens_per_second.toFixed(1));
  const of = (list, key) => [...new Set(list.map((one) => one[key]))];
  const line = (what, list, matches) => [
    what,
    ...threads.map((count) => rate(list.find((one) => one.threads === count && matches(one)))),
  ];
  const weights = threads.map((count) => {
    const { tokens_per_second: single } = decode.find((one) => one.threads === count && one.batch === 1);
    const { bytes_per_second: read } = reads.find((one) => one.threads === count);
    return `${((100 * single * result.weight_bytes) / read).toFixed(0)} % of ${(read / 1e9).toFixed(1)} GB/s`;
  });
  print(
    ...rows(
      [`${shape}, tokens/s`, ...threads.map((count) => `${count} thread${count > 1 ? 's' : ''}`)],
      [
        ...of(decode, 'batch').map((batch) => line(`decode, batch ${batch}`, decode, (one) => one.batch === batch)),
        ...of(prefill, 'tokens').map((tokens) => line(`prompt of ${tokens}`, prefill, (one) => one.tokens === tokens)),
        ...of(peers, 'type').map((type) => line(`${result.peer_name}, ${type}`, peers, (one) => one.type === type)),
        ['weights read, of a read', ...weights],
      ],
    ),
    '',
    [
      ...(result.ratio === null ? [] : [`${result.ratio.toFixed(2)} times the best of the peer`]),
      `${result.times_reference.toFixed(1)} times the reference`,
      `first token after ${grouped(result.first_token_ms)} ms`,
      `${grouped(result.resident_bytes / 1e6)} MB beyond an empty Node`,
      `load ${load.toFixed(2)} at the beginning`,
    ].join('; ') + '.',
    '',
  );
}
if (values.stability) {
  say('load and unload 200 times, generate 100,000 tokens');
  const result = mmfree('bench', 'cpu', '--shape', shapes[0], '--cycles', '200', '--tokens', '100000');
  const growth = Object.entries(result).filter(([key]) => key !== 'type' && key !== 'exit');
  const lines = growth.map(([key, value]) => [key.replaceAll('_', ' '), grouped(value)]);
  print(`Stability (${shapes[0]}):`, '', ...rows(['what', 'value'], lines));
}
