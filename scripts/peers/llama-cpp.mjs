/**
 * llama.cpp beside `mmfree bench cpu`: how fast it decodes a model of the same shape, in its ternary type TQ2_0.
 *
 *     node scripts/peers/llama-cpp.mjs FOLDER            installs it there (83 MB), and nothing anywhere else
 *     mmfree bench cpu --shape 370M --peer FOLDER        measures both in turn; starts this program with --serve
 *
 * FOLDER gets the npm packages node-llama-cpp and its prebuilt binaries of this platform, without install scripts, and
 * one model file a shape (GGUF, kept for the next time). Take the folder away and nothing is left.
 *
 * Weights are random, because no kernel of ggml looks at their values. The shape is Llama's, because a layer of it has
 * 4 H·H + 3 H·I weights, as MLGRU (f, c, g, o) and GLU (gate, up, down) have. All matrices are ternary, the head too
 * (others publish such models with a head of 6 bits, which makes them slower).
 *
 * Format: ggml's docs/gguf.md, version 3; the blocks are those of ggml-common.h. Every number is little-endian.
 */

import { spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const VERSION = '3.21.1';
/** The package of binaries that is named keeps npm from fetching those for CUDA and Vulkan, several 100 MB. */
const BINARIES = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'darwin-x64': 'mac-x64',
  'darwin-arm64': 'mac-arm64-metal',
  'win32-x64': 'win-x64',
};

const ALIGNMENT = 32;
const HEAD_WIDTH = 64;
/** Tokens until a measurement begins. */
const WARM_UP_TOKENS = 4;

/** Weights and bytes of a block; where in it the scale is, in F16. */
const TYPES = {
  f32: { id: 0, weights: 1, bytes: 4 },
  // 64 bytes of four codes 0, 1, 2 and a scale of 2⁻⁵, with which a vector of 1,024 keeps its length.
  tq2_0: { id: 35, weights: 256, bytes: 66, scaleAt: 64, scale: 0x2800 },
};
/** The four codes of a byte; 3 is none of a ternary weight. */
const TERNARY_BYTES = Uint8Array.from(
  { length: 256 },
  (_, n) => (n % 3) | ((Math.floor(n / 3) % 3) << 2) | ((Math.floor(n / 9) % 3) << 4) | ((Math.floor(n / 27) % 3) << 6),
);

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { serve: { type: 'boolean' }, shape: { type: 'string' }, threads: { type: 'string' } },
});
const [given] = positionals;
if (given === undefined) fail('usage: node scripts/peers/llama-cpp.mjs FOLDER');
const folder = resolve(given);
const entry = join(folder, 'node_modules/node-llama-cpp/dist/index.js');
if (options.serve)
  await serve(JSON.parse(options.shape), Number(options.threads)).catch(({ message }) => fail(message));
else install();

function install() {
  const binaries = BINARIES[`${process.platform}-${process.arch}`];
  if (binaries === undefined) fail(`llama.cpp has no binaries for ${process.platform} on ${process.arch}`);
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, 'package.json'))) writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
  const packages = [`node-llama-cpp@${VERSION}`, `@node-llama-cpp/${binaries}@${VERSION}`];
  const flags = ['--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status, error } = spawnSync('npm', ['install', ...flags, ...packages], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
    // On Windows npm is a .cmd file, which only a shell starts.
    shell: process.platform === 'win32',
  });
  if (status !== 0) fail(`npm could not install ${packages.join(' and ')}${error ? `: ${error.message}` : ''}`);
  process.stdout.write(`${packages.join(' and ')} are in ${folder}; now: mmfree bench cpu --peer ${given}\n`);
}

/**
 * Loads a model of the shape, says `{name, type}`, and then answers each line `{threads, tokens, seconds}` with
 * `{tokens_per_second, cpu_ms_per_token}`: greedy, so many tokens or seconds, whichever ends first. Ends with stdin.
 */
async function serve(shape, maxThreads) {
  const { getLlama } = await import(pathToFileURL(entry).href);
  const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, maxThreads, logLevel: 'error' });
  const model = await llama.loadModel({ modelPath: modelFile(shape), gpuLayers: 0, useMmap: true });
  const answer = (fields) => process.stdout.write(`${JSON.stringify(fields)}\n`);
  const release = llama.llamaCppRelease?.release;
  answer({ name: `llama.cpp${release === undefined ? '' : ` ${release}`} (node-llama-cpp ${VERSION})`, type: 'tq2_0' });
  for await (const line of createInterface({ input: process.stdin })) answer(await decode(model, JSON.parse(line)));
  await llama.dispose();
}

async function decode(model, { threads, tokens, seconds }) {
  // Threads are named: the package would take four of them on a computer with two cores.
  const context = await model.createContext({
    contextSize: 256,
    batchSize: 32,
    threads: { ideal: threads, min: threads },
    flashAttention: false,
  });
  let count = -WARM_UP_TOKENS;
  let [startMs, startCpu] = [NaN, undefined];
  for await (const _ of context.getSequence().evaluate([1], { temperature: 0, yieldEogToken: true })) {
    count++;
    if (count === 0) [startMs, startCpu] = [performance.now(), process.cpuUsage()];
    if (count === tokens || performance.now() - startMs > 1000 * seconds) break;
  }
  const passedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(startCpu);
  await context.dispose();
  return { tokens_per_second: (1000 * count) / passedMs, cpu_ms_per_token: (user + system) / 1000 / count };
}

/** The path of a model file of this shape, which is written first if it is not there. */
function modelFile({ layers, hidden, intermediate, vocab }) {
  const path = join(folder, `tq2_0-L${layers}-H${hidden}-I${intermediate}-V${vocab}.gguf`);
  if (existsSync(path)) return path;
  // name, type, columns, rows; a vector has no rows
  const tensors = [
    ['token_embd.weight', 'tq2_0', hidden, vocab],
    ['output_norm.weight', 'f32', hidden],
    ['output.weight', 'tq2_0', hidden, vocab],
    ...Array.from({ length: layers }, (_, layer) =>
      [
        ['attn_norm', 'f32', hidden],
        ['ffn_norm', 'f32', hidden],
        ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) => [name, 'tq2_0', hidden, hidden]),
        ['ffn_gate', 'tq2_0', hidden, intermediate],
        ['ffn_up', 'tq2_0', hidden, intermediate],
        ['ffn_down', 'tq2_0', intermediate, hidden],
      ].map(([name, ...rest]) => [`blk.${layer}.${name}.weight`, ...rest]),
    ).flat(),
  ];
  const sizes = tensors.map(([name, type, columns, rows = 1]) => {
    const { weights, bytes } = TYPES[type];
    if (columns % weights !== 0) fail(`${name} has rows of ${columns} weights; ${type} takes multiples of ${weights}`);
    return (columns / weights) * bytes * rows;
  });
  const file = openSync(`${path}.new`, 'w');
  let position = 0;
  const write = (bytes) => {
    position += writeSync(file, bytes);
    position += writeSync(file, Buffer.alloc(padding(position)));
  };
  write(header({ layers, hidden, intermediate, vocab }, tensors, sizes));
  for (const [index, [, type]] of tensors.entries()) write(randomTensor(type, sizes[index]));
  closeSync(file);
  renameSync(`${path}.new`, path);
  return path;
}

function randomTensor(type, size) {
  if (type === 'f32') return Buffer.from(new Float32Array(size / 4).fill(1).buffer);
  const { bytes, scaleAt, scale } = TYPES[type];
  const data = randomFillSync(Buffer.allocUnsafe(size));
  for (let at = 0; at < size; at++) data[at] = TERNARY_BYTES[data[at]];
  for (let block = 0; block < size; block += bytes) data.writeUInt16LE(scale, block + scaleAt);
  return data;
}

function header({ layers, hidden, intermediate, vocab }, tensors, sizes) {
  const heads = hidden / HEAD_WIDTH;
  const tokens = vocabulary(vocab);
  const metadata = [
    ['general.architecture', string('llama')],
    ['llama.context_length', u32(512)],
    ['llama.embedding_length', u32(hidden)],
    ['llama.block_count', u32(layers)],
    ['llama.feed_forward_length', u32(intermediate)],
    ['llama.vocab_size', u32(vocab)],
    ['llama.attention.head_count', u32(heads)],
    ['llama.attention.head_count_kv', u32(heads)],
    ['llama.attention.layer_norm_rms_epsilon', f32(1e-6)],
    ['llama.rope.dimension_count', u32(HEAD_WIDTH)],
    ['tokenizer.ggml.model', string('llama')],
    ['tokenizer.ggml.tokens', array(tokens.map(({ text }) => string(text)))],
    ['tokenizer.ggml.scores', array(tokens.map((_, id) => f32(-id)))],
    ['tokenizer.ggml.token_type', array(tokens.map(({ kind }) => i32(kind)))],
    ['tokenizer.ggml.unknown_token_id', u32(0)],
    ['tokenizer.ggml.bos_token_id', u32(1)],
    ['tokenizer.ggml.eos_token_id', u32(2)],
  ];
  let offset = 0;
  const infos = tensors.map(([name, type, ...dimensions], index) => {
    const start = offset;
    offset += sizes[index] + padding(sizes[index]);
    const size = [u32(dimensions.length).bytes, ...dimensions.map(u64)];
    return Buffer.concat([string(name).bytes, ...size, u32(TYPES[type].id).bytes, u64(start)]);
  });
  const pairs = metadata.map(([key, { kind, bytes }]) => Buffer.concat([string(key).bytes, u32(kind).bytes, bytes]));
  const counts = [u32(3).bytes, u64(tensors.length), u64(metadata.length)];
  return Buffer.concat([Buffer.from('GGUF'), ...counts, ...pairs, ...infos]);
}

/** As SentencePiece has it: <unk>, <s>, </s>, the bytes, then as many made-up words as it takes. */
function vocabulary(size) {
  const [NORMAL, UNKNOWN, CONTROL, BYTE] = [1, 2, 3, 6];
  const special = ['<unk>', '<s>', '</s>'].map((text, id) => ({ text, kind: id === 0 ? UNKNOWN : CONTROL }));
  const hex = (byte) => byte.toString(16).toUpperCase().padStart(2, '0');
  const bytes = Array.from({ length: 256 }, (_, byte) => ({ text: `<0x${hex(byte)}>`, kind: BYTE }));
  const rest = size - special.length - bytes.length;
  return [...special, ...bytes, ...Array.from({ length: rest }, (_, n) => ({ text: `▁word${n}`, kind: NORMAL }))];
}

// Values of GGUF: the number of their type, and their bytes.

function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return { kind: 4, bytes };
}

function i32(value) {
  return { ...u32(value), kind: 5 };
}

function f32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return { kind: 6, bytes };
}

function string(text) {
  const bytes = Buffer.from(text);
  return { kind: 8, bytes: Buffer.concat([u64(bytes.length), bytes]) };
}

function array(items) {
  const parts = [u32(items[0].kind).bytes, u64(items.length), ...items.map(({ bytes }) => bytes)];
  return { kind: 9, bytes: Buffer.concat(parts) };
}

function u64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function padding(size) {
  return (ALIGNMENT - (size % ALIGNMENT)) % ALIGNMENT;
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
