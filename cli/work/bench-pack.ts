/** Packing a synthetic F16 checkpoint of a published shape, against only reading and hashing its file. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCheckpoint } from '../../model/checkpoint/checkpoint.js';
import { parseConfig } from '../../model/checkpoint/read-config.js';
import { SafetensorsWriter } from '../../model/checkpoint/safetensors-writer.js';
import { expectedTensors } from '../../model/checkpoint/tensor-names.js';
import { packCheckpoint } from '../../model/pack/pack.js';
import { threefry } from '../../model/integer/threefry.js';
import type { CommandContext } from '../command.js';
import type { BenchInput } from './bench-input.js';
import { describeImage, megabytes } from './image-facts.js';

/** `config.json` of the shipped and the released models. */
const SHAPES = {
  '9M': { vocab_size: 4096, hidden_size: 256, num_hidden_layers: 8 },
  '370M': { vocab_size: 32_000, hidden_size: 1024, num_hidden_layers: 24 },
  '1.3B': { vocab_size: 32_000, hidden_size: 2048, num_hidden_layers: 24 },
  '2.7B': { vocab_size: 32_000, hidden_size: 2560, num_hidden_layers: 32 },
} as const;

export async function benchPack(input: BenchInput, { output, signal }: CommandContext): Promise<void> {
  const folder = await mkdtemp(join(input.folder ?? tmpdir(), 'mmfree-bench-'));
  try {
    const checkpointBytes = await writeSynthetic(folder, SHAPES[input.shape], output, signal);
    const baseline = await secondsToHash(join(folder, 'model.safetensors'), signal);
    const residentBefore = process.memoryUsage().rss;

    const checkpoint = await openCheckpoint(folder);
    const progress = output.progress({ label: 'pack', unit: 'bytes', total: checkpointBytes });
    const startMs = performance.now();
    const result = await packCheckpoint(checkpoint, join(folder, 'image.mmfree'), {
      onProgress: (doneBytes) => progress.update(doneBytes),
      signal,
    });
    const seconds = (performance.now() - startMs) / 1000;
    progress.end();
    await checkpoint.close();

    const peakBytes = process.resourceUsage().maxRSS * 1024;
    const rate = checkpointBytes / seconds;
    const { facts } = describeImage(result.image);
    output.print(
      [
        `pack ${input.shape} (F16, synthetic, ${megabytes(checkpointBytes)})`,
        `  ${seconds.toFixed(2)} s, ${megabytes(rate)}/s of checkpoint, self-test included`,
        `  baseline: reading and hashing the file takes ${baseline.toFixed(2)} s, so packing costs ${(seconds / baseline).toFixed(2)} times that`,
        `  resident: ${megabytes(peakBytes)} at the peak of the process, ${megabytes(residentBefore)} before packing`,
        `  image: ${megabytes(result.image.fileLength)}, ${Number(facts['bits_per_ternary_weight']).toFixed(4)} bit per ternary weight`,
        '',
      ].join('\n'),
    );
    output.result({
      shape: input.shape,
      checkpoint_bytes: checkpointBytes,
      seconds,
      bytes_per_second: rate,
      baseline_seconds: baseline,
      peak_resident_bytes: peakBytes,
      file_bytes: result.image.fileLength,
      bits_per_ternary_weight: facts['bits_per_ternary_weight'],
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Weights like trained ones: a bell curve of width 0.02, so that about 35 % become zero; norms of 1. */
async function writeSynthetic(
  folder: string,
  shape: object,
  output: CommandContext['output'],
  signal: AbortSignal,
): Promise<number> {
  const config = JSON.stringify({ model_type: 'hgrn_bit', ...shape });
  await writeFile(join(folder, 'config.json'), config);
  const tensors = expectedTensors(parseConfig(new TextEncoder().encode(config), 'config.json'));
  const specs = [...tensors].map(([name, dimensions]) => ({ name, dtype: 'F16' as const, shape: dimensions }));
  const bytesOf = (dimensions: readonly number[]): number => dimensions.reduce((product, size) => product * size, 2);
  const totalBytes = specs.reduce((sum, spec) => sum + bytesOf(spec.shape), 0);
  const progress = output.progress({ label: 'write', unit: 'bytes', total: totalBytes });
  const writer = await SafetensorsWriter.create(join(folder, 'model.safetensors'), specs);
  const noise = weightNoise();
  const ones = new Uint8Array(new Uint16Array(65_536).fill(0x3c00).buffer);
  let doneBytes = 0;
  for (const { name, shape: dimensions } of specs) {
    const source = name.endsWith('norm.weight') ? ones : noise;
    for (let left = bytesOf(dimensions); left > 0;) {
      signal.throwIfAborted();
      const piece = source.subarray(0, Math.min(left, source.length));
      await writer.append(piece);
      left -= piece.length;
      progress.update((doneBytes += piece.length));
    }
  }
  await writer.close();
  progress.end();
  return totalBytes;
}

/** 2 Mi F16 values (a prime number of them, so that rows do not repeat): sums of four uniform numbers, width 0.02. */
function weightNoise(): Uint8Array {
  const values = new Uint16Array(2_097_143);
  for (let k = 0; k < values.length; k++) {
    const word = threefry(1, 0, k, 0);
    const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24) - 510;
    values[k] = toFloat16((sum / 147) * 0.02);
  }
  return new Uint8Array(values.buffer);
}

/** The float16 pattern next towards zero; for |value| from 2⁻¹⁴ to 1, else zero. */
function toFloat16(value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude < 2 ** -14) return 0;
  const exponent = Math.floor(Math.log2(magnitude));
  const fraction = Math.floor((magnitude / 2 ** exponent - 1) * 1024);
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | fraction;
}

async function secondsToHash(path: string, signal: AbortSignal): Promise<number> {
  const startMs = performance.now();
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 4 << 20, signal }))
    hash.update(piece as Uint8Array);
  hash.digest();
  return (performance.now() - startMs) / 1000;
}
