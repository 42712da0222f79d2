/**
 * Parameters of a new model as the published code draws them: matrices from a bell curve of width 0.02, those that lead
 * into the residual narrower by √(2·layers), norms 1, lower bounds 0.
 */
import { elementsOf, expectedTensors } from '../checkpoint/tensor-names.js';
import type { ModelConfig } from '../config.js';
import { threefryPair } from '../integer/threefry.js';
import type { Tensors } from './parameters.js';

const WIDTH = 0.02;
/** High half of the generator's key: not that of windows. */
const STREAM = 0x696e6974;

export function initialParameters(config: ModelConfig, seed: bigint): Tensors {
  const [low, high] = [Number(seed & 0xffff_ffffn), Number(seed >> 32n) ^ STREAM];
  const tensors = new Map<string, Float32Array>();
  let tensor = 0;
  for (const [name, shape] of expectedTensors(config)) {
    const values = new Float32Array(elementsOf(shape));
    tensors.set(name, values);
    tensor++;
    if (shape.length === 1) values.fill(1);
    if (shape.length === 1 || !name.endsWith('.weight')) continue;
    const isOutput = name.endsWith('o_proj.weight') || name.endsWith('down_proj.weight');
    const width = isOutput ? WIDTH / Math.sqrt(2 * config.layers) : WIDTH;
    for (let k = 0; k < values.length; k += 2) {
      const [a, b] = threefryPair(low, high, k, tensor);
      // Box and Muller; the radius of 2⁻³³ is the smallest that is drawn.
      const radius = width * Math.sqrt(-2 * Math.log((a + 0.5) / 2 ** 32));
      const angle = (2 * Math.PI * b) / 2 ** 32;
      values[k] = radius * Math.cos(angle);
      if (k + 1 < values.length) values[k + 1] = radius * Math.sin(angle);
    }
  }
  return tensors;
}
