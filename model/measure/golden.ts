/**
 * Logits exported from PyTorch: what the float model is compared with.
 *
 * A safetensors file with `input_ids` [B, T] (I32 or I64) and `logits` [B, T, V] (F32); other tensors are ignored.
 */
import { setImmediate } from 'node:timers/promises';
import { goldenMismatch } from '../checkpoint/checkpoint-error.js';
import { SafetensorsFile } from '../checkpoint/safetensors.js';
import { toFloat32 } from '../checkpoint/dtype.js';
import { tensorInfo } from '../checkpoint/tensor-source.js';
import type { FloatModel } from './float-model.js';

/** Token sequences and the logits after each token. */
export interface Golden {
  readonly sequences: number;
  readonly length: number;
  readonly vocabSize: number;
  /** [sequences][length] */
  readonly inputIds: readonly number[];
  /** [sequences][length][vocabSize] */
  readonly logits: Float32Array;
}

/** How far two sets of logits are apart. */
export interface GoldenComparison {
  readonly tokens: number;
  readonly maxAbsDiff: number;
  readonly meanAbsDiff: number;
  /** Positions at which both choose the same token. */
  readonly argmaxAgreement: number;
}

/** Reads a golden file. @throws CheckpointError if it lacks a tensor or the shapes do not fit each other. */
export async function readGolden(path: string): Promise<Golden> {
  const file = await SafetensorsFile.open(path);
  try {
    if (!file.tensors.has('input_ids')) throw goldenMismatch(path, 'has no tensor input_ids');
    if (!file.tensors.has('logits')) throw goldenMismatch(path, 'has no tensor logits');
    const ids = tensorInfo(file, 'input_ids');
    const logits = tensorInfo(file, 'logits');
    const [sequences = 0, length = 0, vocabSize = 0] = logits.shape;
    if (logits.shape.length !== 3 || ids.shape.join() !== [sequences, length].join()) {
      throw goldenMismatch(path, `has input_ids [${ids.shape.join(', ')}] and logits [${logits.shape.join(', ')}]`);
    }
    if (logits.dtype !== 'F32' || (ids.dtype !== 'I32' && ids.dtype !== 'I64')) {
      throw goldenMismatch(path, `has input_ids of ${ids.dtype} and logits of ${logits.dtype}`);
    }
    const idBytes = new Uint8Array(ids.elements * (ids.dtype === 'I32' ? 4 : 8));
    await file.readRaw('input_ids', 0, idBytes);
    const logitBytes = new Uint8Array(4 * logits.elements);
    await file.readRaw('logits', 0, logitBytes);
    const values = new Float32Array(logits.elements);
    toFloat32('F32', logitBytes, values);
    const inputIds =
      ids.dtype === 'I32'
        ? Array.from(new Int32Array(idBytes.buffer))
        : Array.from(new BigInt64Array(idBytes.buffer), Number);
    return { sequences, length, vocabSize, inputIds, logits: values };
  } finally {
    await file.close();
  }
}

/**
 * Feeds the golden tokens to the float model and compares the logits.
 *
 * @param onToken called after each token, between which others have a turn
 * @throws CheckpointError if the file was made from a model with another vocabulary
 */
export async function compareWithGolden(
  model: FloatModel,
  golden: Golden,
  path: string,
  onToken: () => void,
): Promise<GoldenComparison> {
  const { sequences, length, vocabSize, inputIds, logits } = golden;
  if (vocabSize !== model.config.vocabSize || inputIds.some((id) => id < 0 || id >= vocabSize)) {
    throw goldenMismatch(path, `is of a vocabulary of ${vocabSize}, the checkpoint's has ${model.config.vocabSize}`);
  }
  let maxAbsDiff = 0;
  let sumAbsDiff = 0;
  let argmaxAgreement = 0;
  for (let position = 0; position < sequences * length; position++) {
    if (position % length === 0) model.reset();
    model.step(inputIds[position]);
    const expected = logits.subarray(position * vocabSize, (position + 1) * vocabSize);
    for (let id = 0; id < vocabSize; id++) {
      const difference = Math.abs(model.logits[id] - expected[id]);
      maxAbsDiff = Math.max(maxAbsDiff, difference); // stays NaN once it is
      sumAbsDiff += difference;
    }
    if (argmax(model.logits) === argmax(expected)) argmaxAgreement++;
    onToken();
    await setImmediate();
  }
  const tokens = sequences * length;
  return { tokens, maxAbsDiff, meanAbsDiff: sumAbsDiff / (tokens * vocabSize), argmaxAgreement };
}

function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let id = 1; id < values.length; id++) if (values[id] > values[best]) best = id;
  return best;
}
