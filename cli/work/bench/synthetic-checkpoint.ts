/** Checkpoints of any shape with weights like trained ones, for measuring. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '../../../model/checkpoint/read-config.js';
import { SafetensorsWriter } from '../../../model/checkpoint/safetensors-writer.js';
import { expectedTensors } from '../../../model/checkpoint/tensor-names.js';
import { threefry } from '../../../model/integer/threefry.js';
import type { CommandContext } from '../../command.js';

/** `config.json` of the shipped and the released models. */
export const PUBLISHED_SHAPES = {
  '9M': { vocab_size: 4096, hidden_size: 256, num_hidden_layers: 8 },
  '370M': { vocab_size: 32_000, hidden_size: 1024, num_hidden_layers: 24 },
  '1.3B': { vocab_size: 32_000, hidden_size: 2048, num_hidden_layers: 24 },
  '2.7B': { vocab_size: 32_000, hidden_size: 2560, num_hidden_layers: 32 },
} as const;

/**
 * Writes a checkpoint in F16: a bell curve of width 0.02, so that about 35 % of the weights become zero; norms of 1.
 *
 * @param shape keys of `config.json`
 * @returns bytes of the weights
 */
export async function writeSynthetic(
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
