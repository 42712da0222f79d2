/**
 * What a run leaves in its folder.
 *
 * ```
 * config.json, tokenizer.json, model.safetensors   the checkpoint, as `save_pretrained` writes it
 * run.json                                         shape, recipe, hash of the text: what a run goes on with
 * state.safetensors                                parameters and moments at a step, with checksums
 * train.jsonl                                      a line a step
 * loss.svg, samples.txt                            for people
 * ```
 *
 * Each file is whole or not there; `state.safetensors` alone says how far the run is.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { encodeSafetensorsHeader, type TensorSpec } from '../../checkpoint/safetensors-writer.js';
import { SafetensorsFile } from '../../checkpoint/safetensors.js';
import { readFloat32 } from '../../checkpoint/tensor-source.js';
import { expectedTensors } from '../../checkpoint/tensor-names.js';
import { sameBytes } from '../../../protocol/little-endian.js';
import type { ModelConfig } from '../../config.js';
import { writeOutput } from '../../files/output-file.js';
import { parameterLayout } from '../gpu/parameter-layout.js';
import type { TrainerState } from '../gpu/trainer.js';
import type { Tensors } from '../parameters.js';
import { cannotResume } from '../train-error.js';
import { toHalf, toHalfWithTrits } from './half.js';
import { STATE_FILE } from './state-file.js';

/** Writes a safetensors file, whole. */
async function writeTensors(path: string, tensors: readonly (readonly [TensorSpec, Uint8Array])[]): Promise<void> {
  await writeOutput(path, [
    encodeSafetensorsHeader(tensors.map(([spec]) => spec)),
    ...tensors.map(([, bytes]) => bytes),
  ]);
}

const bytesOf = (values: Float32Array | Uint16Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** `model.safetensors`. In F16 the trits stay what they are. */
export async function saveCheckpoint(
  folder: string,
  config: ModelConfig,
  parameters: Tensors,
  dtype: 'F32' | 'F16',
): Promise<void> {
  const { places } = parameterLayout(config);
  const tensors = [...expectedTensors(config)].map(([name, shape]) => {
    const values = parameters.get(name) ?? new Float32Array(0);
    if (dtype === 'F32') return [{ name, dtype, shape }, bytesOf(values)] as const;
    const isTernary = places.get(name)?.matrix !== undefined;
    return [{ name, dtype, shape }, bytesOf(isTernary ? toHalfWithTrits(values) : toHalf(values))] as const;
  });
  await writeTensors(join(folder, 'model.safetensors'), tensors);
}

const statePath = (folder: string): string => join(folder, STATE_FILE);

/** CRC-32 (ISO-HDLC) of each, as two numbers below 2¹⁶, which a float has room for. */
function checksumsOf(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(
    parts.flatMap((part) => {
      const sum = crc32(bytesOf(part));
      return [sum >>> 16, sum & 0xffff];
    }),
  );
}

export async function saveState(folder: string, step: number, state: TrainerState): Promise<void> {
  const { parameters, first, second } = state;
  // Exact: a run has less than 2²⁴ steps.
  const steps = Float32Array.of(step);
  const of = (name: string, values: Float32Array): readonly [TensorSpec, Uint8Array] => [
    { name, dtype: 'F32', shape: [values.length] },
    bytesOf(values),
  ];
  await writeTensors(statePath(folder), [
    of('step', steps),
    of('parameters', parameters),
    of('first', first),
    of('second', second),
    of('checksums', checksumsOf([steps, parameters, first, second])),
  ]);
}

/**
 * @param steps of the run
 * @throws CheckpointError; TrainError if it is no state of such a run
 */
export async function readState(
  folder: string,
  steps: number,
): Promise<{ readonly step: number; readonly state: TrainerState }> {
  const file = await SafetensorsFile.open(statePath(folder));
  try {
    const [step = NaN] = await readFloat32(file, 'step');
    if (!(Number.isInteger(step) && step >= 0 && step <= steps)) {
      throw cannotResume(folder, `${STATE_FILE} is of step ${step}, of ${steps}`);
    }
    const parameters = await readFloat32(file, 'parameters');
    const first = await readFloat32(file, 'first');
    const second = await readFloat32(file, 'second');
    const found = checksumsOf([Float32Array.of(step), parameters, first, second]);
    if (!sameBytes(bytesOf(found), bytesOf(await readFloat32(file, 'checksums')))) {
      throw cannotResume(folder, `${STATE_FILE} has other numbers than were saved`);
    }
    return { step, state: { parameters, first, second } };
  } finally {
    await file.close();
  }
}
