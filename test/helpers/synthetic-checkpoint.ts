/** Small checkpoints made on the spot, as lists of tensors that a test can change before they are written. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Dtype } from '../../model/checkpoint/dtype.js';
import { parseConfig } from '../../model/checkpoint/read-config.js';
import { SafetensorsWriter } from '../../model/checkpoint/safetensors-writer.js';
import { expectedTensors } from '../../model/checkpoint/tensor-names.js';

/** A tensor with its data, little-endian. */
export interface TestTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A `config.json` with two layers of width 4. */
export const TINY_CONFIG = {
  model_type: 'hgrn_bit',
  vocab_size: 12,
  hidden_size: 4,
  intermediate_size: 6,
  num_hidden_layers: 2,
} as const;

/** All tensors of a `config.json`, F32; element i of tensor t is sin(1000·t + i), the same on every run. */
export function makeTensors(config: object): TestTensor[] {
  const shapes = expectedTensors(parseConfig(new TextEncoder().encode(JSON.stringify(config)), 'config.json'));
  return [...shapes].map(([name, shape], tensorIndex) => {
    const elements = shape.reduce((product, dimension) => product * dimension, 1);
    const values = Float32Array.from({ length: elements }, (_, index) => Math.sin(1000 * tensorIndex + index));
    return { name, dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) };
  });
}

/** Writes the tensors one after the other into one safetensors file. */
export async function writeTensors(path: string, tensors: readonly TestTensor[]): Promise<void> {
  const writer = await SafetensorsWriter.create(path, tensors);
  for (const { bytes } of tensors) await writer.append(bytes);
  await writer.close();
}

/** Writes `config.json` and `model.safetensors` into `folder`, which is created. */
export async function writeCheckpoint(
  folder: string,
  config: object = TINY_CONFIG,
  tensors: readonly TestTensor[] = makeTensors(config),
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeTensors(join(folder, 'model.safetensors'), tensors);
}

/** Writes `config.json`, one safetensors file per entry of `shards`, and the index. */
export async function writeShards(
  folder: string,
  config: object,
  shards: Readonly<Record<string, readonly TestTensor[]>>,
  weightMap: object = Object.fromEntries(
    Object.entries(shards).flatMap(([file, tensors]) => tensors.map(({ name }) => [name, file])),
  ),
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  for (const [file, tensors] of Object.entries(shards)) await writeTensors(join(folder, file), tensors);
  const index = { metadata: {}, weight_map: weightMap };
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
}
