/**
 * Float tensors of small made-up checkpoints, plausible or extreme, to test packing with.
 */
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { FloatTensors } from './plain-pack.js';
import { Prng } from './prng.js';

/** Names and shapes of all tensors of a published checkpoint, in the order of its modules. */
export function tensorShapes(shape: ModelShape): Map<string, readonly number[]> {
  const { vocabSize: v, hiddenSize: h, intermediateSize: i, layers } = shape;
  const shapes = new Map<string, readonly number[]>([
    ['model.embeddings.weight', [v, h]],
    ['model.lower_bounds', [layers, h]],
  ]);
  for (let l = 0; l < layers; l++) {
    const layer = `model.layers.${l}`;
    shapes.set(`${layer}.attn_norm.weight`, [h]);
    for (const projection of ['i', 'f', 'g', 'o']) {
      shapes.set(`${layer}.attn.${projection}_proj.weight`, [h, h]);
      shapes.set(`${layer}.attn.${projection}_proj.norm.weight`, [h]);
    }
    shapes.set(`${layer}.attn.g_norm.weight`, [h]);
    shapes.set(`${layer}.mlp_norm.weight`, [h]);
    shapes.set(`${layer}.mlp.gate_proj.weight`, [2 * i, h]);
    shapes.set(`${layer}.mlp.gate_proj.norm.weight`, [h]);
    shapes.set(`${layer}.mlp.down_proj.weight`, [h, i]);
    shapes.set(`${layer}.mlp.down_proj.norm.weight`, [i]);
  }
  shapes.set('model.norm.weight', [h]);
  shapes.set('lm_head.weight', [v, h]);
  shapes.set('lm_head.norm.weight', [h]);
  return shapes;
}

/**
 * Draws all tensors. `change` may replace an element: it gets the tensor's name, the index and the plausible value. The
 * result is rounded to float32, or further by `change`, which is how a test makes values that F16 or BF16 hold.
 */
export function randomCheckpoint(
  seed: number,
  shape: ModelShape,
  change: (name: string, index: number, value: number) => number = (_name, _index, value) => value,
): FloatTensors {
  const random = new Prng(seed);
  return new Map(
    [...tensorShapes(shape)].map(([name, dimensions]) => {
      const length = dimensions.reduce((product, dimension) => product * dimension, 1);
      const draw = elementOf(name, random);
      return [name, new Float32Array(length).map((_, index) => change(name, index, draw()))];
    }),
  );
}

/** Spreads as in trained models: gains around 1, weights around 0.02, an embedding of rms 0.3. */
function elementOf(name: string, random: Prng): () => number {
  if (name.endsWith('norm.weight')) return () => 1 + 0.6 * random.bell();
  if (name === 'model.embeddings.weight') return () => 0.9 * random.bell();
  if (name === 'model.lower_bounds') return () => 2 * random.bell();
  return () => 0.06 * random.bell();
}
