/** That the benchmarks run and their figures make sense together; how fast anything is, depends on the machine. */

import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { count } from '../../helpers/counts.js';
import { compiledJson, mmfree, mmfreeJson, TALES_IMAGE, temporaryFolder } from '../../helpers/command-line.js';
import { goodImageOf } from '../../helpers/good-image.js';
import { TINY_SHAPE, tinySections } from '../../helpers/tiny-image.js';

const path = temporaryFolder();
/** Where the size of the model does not matter; in the long run it is the shipped one. */
const SMALL = { ...TINY_SHAPE, vocabSize: 256, hiddenSize: 128, intermediateSize: 192, layers: 2 };
const image = (): string => (count(0, 1) === 1 ? TALES_IMAGE : path('small.mmfree'));
const STATE_BYTES = count(4 * SMALL.hiddenSize * SMALL.layers, 8192);

beforeAll(async () => {
  await mkdir(path('work'));
  await writeFile(path('small.mmfree'), goodImageOf(tinySections(1, SMALL)));
});

const positive = (result: Record<string, unknown>, keys: readonly string[]): void => {
  for (const key of keys) expect([key, Number(result[key]) > 0]).toEqual([key, true]);
};

it('says of options that the subject makes no use of that it makes none', async () => {
  const args = ['--threads', '2', '--peer', 'nowhere', '--tokens', '8', '--image', path('small.mmfree')];
  const { exit, events } = await mmfreeJson('bench', 'reference', ...args);
  expect(exit).toBe(0);
  const notes = events.filter(({ type }) => type === 'note').map(({ text }) => text);
  expect(notes).toEqual(['threads', 'peer'].map((name) => expect.stringContaining(`no use of --${name}, `) as string));
});

it('bench reference measures a model and its kernel', async () => {
  const { exit, result } = await mmfreeJson('bench', 'reference', '--image', TALES_IMAGE, '--tokens', '8');
  expect(exit).toBe(0);
  positive(result, ['kernel_weights_per_second', 'plain_kernel_weights_per_second']);
  expect(Number(result['weights_per_second']) / Number(result['tokens_per_second'])).toBeCloseTo(7_864_320, 0);
  expect(result['heap_bytes_per_token']).toBeGreaterThanOrEqual(0);
});

it('bench pack measures packing in a folder that it leaves empty', async () => {
  const { exit, events, result } = await mmfreeJson('bench', 'pack', '--shape', '9M', '--folder', path('work'));
  expect(exit).toBe(0);
  expect(result).toMatchObject({ shape: '9M' });
  positive(result, ['baseline_seconds', 'peak_resident_bytes', 'file_bytes']);
  expect(Number(result['checkpoint_bytes']) / Number(result['seconds'])).toBeCloseTo(
    Number(result['bytes_per_second']),
  );
  expect(result['bits_per_ternary_weight']).toBeLessThan(1.62);
  expect(new Set(events.filter(({ type }) => type === 'progress').map(({ label }) => label))).toEqual(
    new Set(['write', 'pack']),
  );
  expect(await readdir(path('work'))).toEqual([]);
});

it('bench link measures the protocol, which leaves a slow line nearly all of its rate', async () => {
  const { exit, result } = await compiledJson('bench', 'link', '--tokens', '10', '--image', image());
  expect(exit).toBe(0);
  positive(result, [
    'terminal_flash_bytes_per_second',
    'terminal_raw_bytes_per_second',
    'token_ms',
    'host_sampling_ms',
  ]);
  // In virtual time, so this is not a matter of the computer.
  expect(result['uart_of_line_rate']).toBeGreaterThan(0.9);
  expect(result['uart_of_line_rate']).toBeLessThan(1);
});

it('bench state measures a state on the wire, and what a power cut costs', async () => {
  const { exit, result } = await compiledJson('bench', 'state', '--tokens', '20', '--runs', '3', '--image', image());
  expect(exit).toBe(0);
  expect(result).toMatchObject({ state_bytes: STATE_BYTES, cut_at_token: 200 });
  positive(result, ['request_ms', 'read_ms', 'write_ms', 'fed_again', 'token_ms', 'hello_to_token_ms']);
  expect(Number(result['most_fed_again'])).toBeGreaterThanOrEqual(Number(result['fed_again']));
});

it('bench serve measures streams in turn with the machine without the service', async () => {
  const options = ['--shape', '9M', '--batch', '2', '--tokens', '20', '--runs', '3'];
  const { exit, result } = await compiledJson('bench', 'serve', ...options);
  expect(exit).toBe(0);
  expect(result).toMatchObject({ machine: 'cpu', streams: 2, tokens: 20 });
  positive(result, ['alone_tokens_per_second', 'served_tokens_per_second', 'ratio']);
});

it('bench start-up measures processes of the compiled program', async () => {
  const { exit, result } = await compiledJson('bench', 'start-up', '--runs', '3');
  expect(exit).toBe(0);
  positive(result, ['empty_node_ms', 'help_ms', 'first_token_ms']);
});

/** What a folder of `--peer` has, as far as the peer's program uses it: a token takes a moment. */
const PEER = `
  import { openSync, readSync } from 'node:fs';
  import { setImmediate } from 'node:timers/promises';
  export const getLlama = async () => ({ loadModel, dispose: async () => {}, llamaCppRelease: { release: 'fake' } });
  async function loadModel({ modelPath }) {
    const head = Buffer.alloc(8);
    readSync(openSync(modelPath), head);
    if (head.toString('latin1') !== 'GGUF\\x03\\0\\0\\0') throw new Error('no GGUF');
    return { createContext: async ({ threads }) => ({ getSequence: () => ({ evaluate }), dispose: async () => {} }) };
  }
  async function* evaluate() {
    for (let token = 0; ; token++) {
      await setImmediate();
      yield token;
    }
  }`;

async function peerFolder(name: string, index: string): Promise<string> {
  const dist = path(`${name}/node_modules/node-llama-cpp/dist`);
  await mkdir(dist, { recursive: true });
  await writeFile(join(dist, '../package.json'), '{"type":"module"}');
  await writeFile(join(dist, 'index.js'), index);
  return path(name);
}

const SHORT = [
  '--runs',
  '3',
  '--tokens',
  '8',
  '--prompt',
  '8',
  '--batch',
  '2',
  '--threads',
  '1,2',
  '--image',
  TALES_IMAGE,
];

it('bench cpu measures the processor in turn with the reference, the memory and a peer', async () => {
  const { exit, result } = await compiledJson('bench', 'cpu', ...SHORT, '--peer', await peerFolder('peer', PEER));
  expect(exit).toBe(0);
  positive(result, ['first_token_ms', 'resident_bytes', 'read_bytes_per_second', 'times_reference', 'equal_receipts']);
  type Rates = readonly { threads: number; batch?: number; tokens?: number; tokens_per_second: number }[];
  const { decode, prefill, peer } = result as Record<string, Rates>;
  expect(decode!.map(({ threads, batch }) => [threads, batch])).toEqual([
    [1, 1],
    [1, 2],
    [2, 1],
    [2, 2],
  ]);
  expect(prefill!.map(({ threads, tokens }) => [threads, tokens])).toEqual([
    [1, 1],
    [1, 2],
    [1, 8],
    [2, 1],
    [2, 2],
    [2, 8],
  ]);
  expect(peer).toMatchObject([1, 2].map((threads) => ({ type: 'tq2_0', threads })));
  for (const { tokens_per_second: rate } of [...decode!, ...prefill!, ...peer!]) expect(rate).toBeGreaterThan(0);
  const best = (rates: Rates): number => Math.max(...rates.map(({ tokens_per_second: rate }) => rate));
  const single = decode!.filter(({ batch }) => batch === 1);
  expect(result['ratio']).toBeCloseTo(best(single) / best(peer!));
  expect(result['weight_bytes']).toBe(7_864_320 / 4);
  const { p99, longest } = result['event_loop_delay_ms'] as { p99: number; longest: number };
  expect(p99).toBeGreaterThanOrEqual(0);
  expect(longest).toBeGreaterThanOrEqual(p99);
});

it('bench cpu tells what a peer says that does not run', async () => {
  const folder = await peerFolder('broken', "export const getLlama = () => Promise.reject(new Error('no such CPU'));");
  const { exit, result } = await compiledJson('bench', 'cpu', ...SHORT, '--threads', '1', '--peer', folder);
  expect(exit).toBe(19);
  expect(result['error']).toMatchObject({ code: 'peer-failed', cause: expect.stringContaining('no such CPU') });
});

it.each<[string[], number, string]>([
  [['cpu', '--peer', '/no/such/folder'], 19, 'there is no llama.cpp in /no/such/folder'],
  [['cpu', '--threads', '1,x'], 2, '--threads is "1,x"'],
  [['cpu', '--threads', '0'], 2, '--threads is "0"'],
  [['cpu', '--threads', '17'], 2, '--threads is "17"'],
  [[], 2, "missing required argument 'subject'"],
  [['nothing'], 2, '<subject> is "nothing"'],
  [['pack', '--shape', '1B'], 2, '--shape is "1B"'],
  [['pack', '--folder', '/no/such/folder'], 2, '/no/such/folder'],
  [['reference', '--tokens', '7'], 2, '--tokens is "7"'],
  [['reference', '--image', 'no/file'], 6, 'cannot read the image no/file'],
  // It used to be called a mistake in mmfree.
  [['start-up', '--image', 'no/file'], 6, 'cannot read the image no/file'],
])('refuses %j', async (args, exit, message) => {
  const ended = await mmfree('bench', ...args);
  expect(ended.exit).toBe(exit);
  expect(ended.stderr.lines[0]).toContain(message);
});

it('bench usb measures a DFU download against bare TCP, and the programmer in the time of its board', async () => {
  const { exit, result } = await mmfreeJson('bench', 'usb', '--image', image());
  expect(exit).toBe(0);
  positive(result, ['copy_bytes_per_second', 'exchange_bytes_per_second', 'download_bytes_per_second']);
  positive(result, ['programmer_bytes_per_second', 'programmer_processor_seconds']);
  // 0.75 ms and 2,080 clocks a page, and 16 clocks a byte for reading it before and afterwards.
  const perPageMs = 0.75 + (2080 + 2 * 2048) / 15e3;
  const rates = result['programmer_board_bytes_per_second'] as Record<string, number>;
  expect(rates['erased, 15 MHz']! / ((1000 * 256) / perPageMs)).toBeCloseTo(1, 1);
  const [exchange, download] = [
    Number(result['exchange_bytes_per_second']),
    Number(result['download_bytes_per_second']),
  ];
  expect(Number(result['rest_microseconds_per_block'])).toBeCloseTo(4096e6 / download - 4096e6 / exchange, 3);
});
