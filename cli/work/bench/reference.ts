/** Speed of the integer reference, against the plain form of its kernel: five products a byte. */
import { setImmediate } from 'node:timers/promises';
import { loadChecked } from '../../../model/check-image.js';
import { IntegerModel } from '../../../model/integer/integer-model.js';
import { readModelWeights } from '../../../model/integer/model-weights.js';
import { ternaryProduct, type TernaryMatrix } from '../../../model/integer/ternary-product.js';
import { threefry } from '../../../model/integer/threefry.js';
import { TRITS_PER_BYTE } from '../../../protocol/image/model-shape.js';
import { ternaryWeights } from '../../../protocol/image/tensors.js';
import type { CommandContext } from '../../command.js';
import { median, type BenchInput } from './input.js';
import { imageOrShipped } from '../shipped.js';

const ROUNDS = 5;
const TOKENS_UNTIL_PAUSE = 8;

export async function benchReference(input: BenchInput, { output, signal }: CommandContext): Promise<void> {
  const image = await loadChecked(imageOrShipped(input.image, output), signal);
  const weights = readModelWeights(image.residentWeights());
  const { shape } = weights;
  image.close();
  const model = new IntegerModel(weights);
  const ids = Int32Array.from({ length: input.tokens }, (_, position) => threefry(1, 0, position, 0) % shape.vocabSize);
  for (const id of ids.subarray(0, 20)) {
    model.step(id);
    await pause(signal);
  }

  // Memory and time apart: reading the clock allocates.
  let heapBytes = 0;
  for (let start = 0; start < ids.length; start += TOKENS_UNTIL_PAUSE) {
    const before = process.memoryUsage().heapUsed;
    const end = Math.min(start + TOKENS_UNTIL_PAUSE, ids.length);
    for (let position = start; position < end; position++) model.step(ids[position] ?? 0);
    heapBytes += Math.max(0, process.memoryUsage().heapUsed - before);
    await pause(signal);
  }
  const perToken: number[] = [];
  for (const id of ids) {
    const startMs = performance.now();
    model.step(id);
    perToken.push(performance.now() - startMs);
    await pause(signal);
  }
  const heapPerToken = heapBytes / ids.length;
  const tokensPerSecond = 1000 / median(perToken);

  const { matrix } = weights.head;
  const kernel = await kernelRate(matrix, ternaryProduct, signal);
  const plain = await kernelRate(matrix, plainProduct, signal);
  const weightsPerSecond = tokensPerSecond * ternaryWeights(shape);
  output.print(
    [
      `reference, ${ternaryWeights(shape).toLocaleString('en-US')} ternary weights a token, one core`,
      `  ${tokensPerSecond.toFixed(1)} tokens/s (median of ${input.tokens}), ${(weightsPerSecond / 1e6).toFixed(0)} M ternary weights/s, logits included`,
      `  ${heapPerToken.toFixed(0)} bytes of heap a token`,
      `  kernel alone ${(kernel / 1e6).toFixed(0)} M weights/s, ${(kernel / plain).toFixed(2)} times the plain form (${(plain / 1e6).toFixed(0)} M)`,
      '',
    ].join('\n'),
  );
  output.result({
    tokens_per_second: tokensPerSecond,
    weights_per_second: weightsPerSecond,
    heap_bytes_per_token: heapPerToken,
    kernel_weights_per_second: kernel,
    plain_kernel_weights_per_second: plain,
  });
}

/** Lets Ctrl-C be heard. */
async function pause(signal: AbortSignal): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
}

type Kernel = (matrix: TernaryMatrix, q: Int8Array, out: Int32Array) => void;

/** Weights per second on one matrix; the median of several rounds. */
async function kernelRate(matrix: TernaryMatrix, kernel: Kernel, signal: AbortSignal): Promise<number> {
  const { rows, columns } = matrix;
  const q = Int8Array.from({ length: columns }, (_, k) => (threefry(2, 0, k, 0) % 255) - 127);
  const out = new Int32Array(Math.ceil(rows / TRITS_PER_BYTE) * TRITS_PER_BYTE);
  const repeats = Math.max(1, Math.round(3e7 / (rows * columns)));
  const seconds: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const startMs = performance.now();
    for (let k = 0; k < repeats; k++) kernel(matrix, q, out);
    // The first round is for the compiler.
    if (round > 0) seconds.push((performance.now() - startMs) / 1000);
    await pause(signal);
  }
  return (repeats * rows * columns) / median(seconds);
}

const TRITS = Array.from({ length: TRITS_PER_BYTE }, (_, d) =>
  Int8Array.from({ length: 256 }, (__, byte) => (byte < 243 ? (Math.floor(byte / 3 ** d) % 3) - 1 : 0)),
);

/** What `ternaryProduct` computes, in its plainest form. */
function plainProduct(matrix: TernaryMatrix, q: Int8Array, out: Int32Array): void {
  const bytes = matrix.bytes();
  const [t0 = q, t1 = q, t2 = q, t3 = q, t4 = q] = TRITS;
  for (let base = 0, row = 0; row < matrix.rows; base += matrix.columns, row += TRITS_PER_BYTE) {
    let [a, b, c, d, e] = [0, 0, 0, 0, 0];
    for (let k = 0; k < matrix.columns; k++) {
      const byte = bytes[base + k] ?? 0;
      const x = q[k] ?? 0;
      a += (t0[byte] ?? 0) * x;
      b += (t1[byte] ?? 0) * x;
      c += (t2[byte] ?? 0) * x;
      d += (t3[byte] ?? 0) * x;
      e += (t4[byte] ?? 0) * x;
    }
    out[row] = a;
    out[row + 1] = b;
    out[row + 2] = c;
    out[row + 3] = d;
    out[row + 4] = e;
  }
}
