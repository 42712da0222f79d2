/**
 * Where each tensor lies in the buffer of all parameters, and in those of gradients and moments, which are alike:
 * ternary matrices first, in whole blocks, then the embedding, then vectors. So what decays is one range, and ternary
 * matrices are ternarised by one kernel.
 */
import { elementsOf, EMBEDDINGS, expectedTensors } from '../../checkpoint/tensor-names.js';
import type { ModelConfig } from '../../config.js';

/** Weights that a workgroup ternarises. */
export const BLOCK = 1024;
/** Floats between two means, so that each can be bound alone: 256 bytes. */
export const MEAN_STRIDE = 64;
/** Floats, for the same reason. */
export const ALIGNMENT = 64;

export interface TensorPlace {
  /** In floats; that of a ternary matrix in bytes of trits as well. */
  readonly offset: number;
  readonly length: number;
  /** Index of a ternary matrix. */
  readonly matrix?: number;
}

export interface ParameterLayout {
  readonly places: ReadonlyMap<string, TensorPlace>;
  /** Floats of all. */
  readonly total: number;
  /** Floats of ternary matrices: a multiple of {@link BLOCK}. */
  readonly ternary: number;
  /** Floats of all matrices, the embedding included. */
  readonly matrices: number;
}

/** Floats of all tensors, without what is between them. */
export function weightsOf({ places }: ParameterLayout): number {
  return [...places.values()].reduce((sum, { length }) => sum + length, 0);
}

/** @param config H and I are multiples of 4 */
export function parameterLayout(config: ModelConfig): ParameterLayout {
  const places = new Map<string, TensorPlace>();
  const shapes = [...expectedTensors(config)];
  const isTernary = (name: string, shape: readonly number[]): boolean =>
    shape.length === 2 && name.endsWith('.weight') && name !== EMBEDDINGS;
  let offset = 0;
  let matrix = 0;
  for (const [name, shape] of shapes) {
    if (!isTernary(name, shape)) continue;
    places.set(name, { offset, length: elementsOf(shape), matrix: matrix++ });
    offset += BLOCK * Math.ceil(elementsOf(shape) / BLOCK);
  }
  const ternary = offset;
  const others = shapes.filter(([name, shape]) => !isTernary(name, shape) && name !== EMBEDDINGS);
  let matrices = 0;
  for (const [name, shape] of [...shapes.filter(([found]) => found === EMBEDDINGS), ...others]) {
    places.set(name, { offset, length: elementsOf(shape) });
    offset += ALIGNMENT * Math.ceil(elementsOf(shape) / ALIGNMENT);
    if (name === EMBEDDINGS) matrices = offset;
  }
  return { places, total: offset, ternary, matrices };
}
