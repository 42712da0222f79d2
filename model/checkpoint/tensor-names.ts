/**
 * The tensors of an `hgrn_bit` checkpoint: the one table of names and shapes.
 *
 * Names are those of the published PyTorch modules. A BitLinear has two tensors: the latent `weight` [outputs, inputs]
 * and `norm`, the weight [inputs] of the RMSNorm it applies to its input.
 */

import type { LAYER_BLOCK, MatrixName, NormName } from '../../protocol/image/tensors.js';
import type { ModelConfig } from '../config.js';

export const EMBEDDINGS = 'model.embeddings.weight';
export const LOWER_BOUNDS = 'model.lower_bounds';
export const FINAL_NORM = 'model.norm.weight';
export const HEAD: BitLinearNames = bitLinear('lm_head');

/** The tensors of one BitLinear. */
export interface BitLinearNames {
  readonly weight: string;
  readonly norm: string;
}

/**
 * The tensors of one block, by the names of the image; rows 0..I-1 of `gateUp` are the gate, rows I..2I-1 the up
 * projection.
 */
export type BlockNames = Readonly<Record<MatrixName<typeof LAYER_BLOCK>, BitLinearNames>> &
  Readonly<Record<NormName<typeof LAYER_BLOCK>, string>>;

/** @param layer counted from 0 */
export function blockNames(layer: number): BlockNames {
  const block = `model.layers.${layer}`;
  return {
    attnNorm: `${block}.attn_norm.weight`,
    i: bitLinear(`${block}.attn.i_proj`),
    f: bitLinear(`${block}.attn.f_proj`),
    g: bitLinear(`${block}.attn.g_proj`),
    gNorm: `${block}.attn.g_norm.weight`,
    o: bitLinear(`${block}.attn.o_proj`),
    mlpNorm: `${block}.mlp_norm.weight`,
    gateUp: bitLinear(`${block}.mlp.gate_proj`),
    down: bitLinear(`${block}.mlp.down_proj`),
  };
}

/** Name → shape of all tensors a checkpoint of this model has, no more and no fewer. */
export function expectedTensors(config: ModelConfig): Map<string, readonly number[]> {
  const { vocabSize: V, hiddenSize: H, intermediateSize: I, layers: L } = config;
  const table: (readonly [BitLinearNames | string, readonly number[]])[] = [[EMBEDDINGS, [V, H]]];
  if (config.useLowerBound) table.push([LOWER_BOUNDS, [L, H]]);
  for (let layer = 0; layer < L; layer++) {
    const block = blockNames(layer);
    table.push(
      [block.attnNorm, [H]],
      [block.i, [H, H]],
      [block.f, [H, H]],
      [block.g, [H, H]],
      [block.gNorm, [H]],
      [block.o, [H, H]],
      [block.mlpNorm, [H]],
      [block.gateUp, [2 * I, H]],
      [block.down, [H, I]],
    );
  }
  table.push([FINAL_NORM, [H]], [HEAD, [V, H]]);
  const tensors = new Map<string, readonly number[]>();
  for (const [names, shape] of table) {
    if (typeof names === 'string') tensors.set(names, shape);
    else tensors.set(names.weight, shape).set(names.norm, shape.slice(1));
  }
  return tensors;
}

/** Elements of a tensor. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

function bitLinear(module: string): BitLinearNames {
  return { weight: `${module}.weight`, norm: `${module}.norm.weight` };
}
