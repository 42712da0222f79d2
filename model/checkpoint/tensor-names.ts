/**
 * The tensors of an `hgrn_bit` checkpoint: the one table of names and shapes.
 *
 * Names are those of the published PyTorch modules. A BitLinear has two tensors: the latent `weight` [outputs, inputs]
 * and `norm`, the weight [inputs] of the RMSNorm it applies to its input.
 */

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

/** The tensors of one block. */
export interface BlockNames {
  readonly attnNorm: string;
  readonly iProj: BitLinearNames;
  readonly fProj: BitLinearNames;
  readonly gProj: BitLinearNames;
  readonly gNorm: string;
  readonly oProj: BitLinearNames;
  readonly mlpNorm: string;
  /** Rows 0..I-1 are the gate, rows I..2I-1 the up projection. */
  readonly gateProj: BitLinearNames;
  readonly downProj: BitLinearNames;
}

/** @param layer counted from 0 */
export function blockNames(layer: number): BlockNames {
  const block = `model.layers.${layer}`;
  return {
    attnNorm: `${block}.attn_norm.weight`,
    iProj: bitLinear(`${block}.attn.i_proj`),
    fProj: bitLinear(`${block}.attn.f_proj`),
    gProj: bitLinear(`${block}.attn.g_proj`),
    gNorm: `${block}.attn.g_norm.weight`,
    oProj: bitLinear(`${block}.attn.o_proj`),
    mlpNorm: `${block}.mlp_norm.weight`,
    gateProj: bitLinear(`${block}.mlp.gate_proj`),
    downProj: bitLinear(`${block}.mlp.down_proj`),
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
      [block.iProj, [H, H]],
      [block.fProj, [H, H]],
      [block.gProj, [H, H]],
      [block.gNorm, [H]],
      [block.oProj, [H, H]],
      [block.mlpNorm, [H]],
      [block.gateProj, [2 * I, H]],
      [block.downProj, [H, I]],
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

function bitLinear(module: string): BitLinearNames {
  return { weight: `${module}.weight`, norm: `${module}.norm.weight` };
}
