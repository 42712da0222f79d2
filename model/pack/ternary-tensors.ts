/** The ternary tensors of a checkpoint in the order of the image's section (docs/IMAGE.md, section 4). */
import { placeMatrices } from '../../protocol/image/tensors.js';
import { blockNames, HEAD } from '../checkpoint/tensor-names.js';
import type { ModelConfig } from '../config.js';
import type { TernaryTensor } from './pack-ternary.js';

/** The ternary tensors in the order of the image's section. */
export function ternaryTensors(config: ModelConfig): readonly TernaryTensor[] {
  const { layers, head } = placeMatrices(config);
  return [
    ...layers.map(({ layer, tensor, rows, columns }) => {
      return { name: blockNames(layer)[tensor.name].weight, rows, columns, interleaved: tensor.name === 'gateUp' };
    }),
    { name: HEAD.weight, rows: head.rows, columns: head.columns, interleaved: false },
  ];
}
