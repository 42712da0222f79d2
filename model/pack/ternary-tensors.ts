/** The ternary tensors of a checkpoint in the order of the image's section (docs/IMAGE.md, section 4). */
import { blockNames, HEAD } from '../checkpoint/tensor-names.js';
import type { ModelConfig } from '../config.js';
import type { TernaryTensor } from './pack-ternary.js';

/** The ternary tensors in the order of the image's section. */
export function ternaryTensors(config: ModelConfig): readonly TernaryTensor[] {
  const { hiddenSize: h, intermediateSize: i, layers, vocabSize } = config;
  const tensors: TernaryTensor[] = [];
  for (let l = 0; l < layers; l++) {
    const names = blockNames(l);
    for (const { weight } of [names.iProj, names.fProj, names.gProj, names.oProj]) {
      tensors.push({ name: weight, rows: h, columns: h, interleaved: false });
    }
    tensors.push({ name: names.gateProj.weight, rows: 2 * i, columns: h, interleaved: true });
    tensors.push({ name: names.downProj.weight, rows: h, columns: i, interleaved: false });
  }
  tensors.push({ name: HEAD.weight, rows: vocabSize, columns: h, interleaved: false });
  return tensors;
}
