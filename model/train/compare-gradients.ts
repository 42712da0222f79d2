/**
 * Gradients exported from PyTorch: a safetensors file with the tensors of a checkpoint, which hold d loss / d tensor.
 */
import { gradientsMismatch } from '../checkpoint/checkpoint-error.js';
import { SafetensorsFile } from '../checkpoint/safetensors.js';
import { readFloat32 } from '../checkpoint/tensor-source.js';
import type { Tensors } from './parameters.js';

/** How far one tensor is from what it should be. */
export interface GradientComparison {
  readonly tensor: string;
  /** |a − b| / |b|, Euclidean; 0 if both are zero. */
  readonly relativeError: number;
  /** a·b / (|a|·|b|); 1 if both are zero. */
  readonly cosine: number;
}

/** @param expected names and lengths that the file must have @throws CheckpointError */
export async function readGradients(
  path: string,
  expected: ReadonlyMap<string, { readonly length: number }>,
): Promise<Tensors> {
  const file = await SafetensorsFile.open(path);
  try {
    const gradients = new Map<string, Float32Array>();
    for (const [name, { length }] of expected) {
      const info = file.tensors.get(name);
      if (info === undefined) throw gradientsMismatch(path, `has no tensor ${name}`);
      if (info.elements !== length) {
        throw gradientsMismatch(path, `has ${info.elements} elements in ${name}, where the checkpoint has ${length}`);
      }
      gradients.set(name, await readFloat32(file, name));
    }
    return gradients;
  } finally {
    await file.close();
  }
}

/** Of each tensor of `expected`, in its order. */
export function compareGradients(
  actual: ReadonlyMap<string, ArrayLike<number>>,
  expected: ReadonlyMap<string, ArrayLike<number>>,
): GradientComparison[] {
  return [...expected].map(([tensor, b]) => {
    const a = actual.get(tensor) ?? [];
    let [squaresA, squaresB, product, difference] = [0, 0, 0, 0];
    for (let k = 0; k < b.length; k++) {
      squaresA += a[k] * a[k];
      squaresB += b[k] * b[k];
      product += a[k] * b[k];
      difference += (a[k] - b[k]) ** 2;
    }
    const areZero = squaresA === 0 && squaresB === 0;
    return {
      tensor,
      relativeError: areZero ? 0 : Math.sqrt(difference / squaresB),
      cosine: areZero ? 1 : product / Math.sqrt(squaresA * squaresB),
    };
  });
}
