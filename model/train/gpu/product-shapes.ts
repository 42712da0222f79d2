/** The products of a model's micro-batch: what matrix units are tried with. */
import type { ModelConfig } from '../../config.js';
import { productKey, type ProductShape } from './matrix/products.js';
import { headPieces, logitRows, type BatchShape } from './training-buffers.js';

/** Each once. @param logitBytes as for `Trainer.create` */
export function productShapes(
  { hiddenSize: h, intermediateSize: i, vocabSize: v }: ModelConfig,
  { sequences, length }: BatchShape,
  logitBytes?: number,
): ProductShape[] {
  const rows = sequences * length;
  const matrices = [
    { rows, outputs: h, inputs: h },
    { rows, outputs: 2 * i, inputs: h },
    { rows, outputs: h, inputs: i },
    ...headPieces(rows, logitRows(rows, v, logitBytes)).map((piece) => ({ rows: piece.rows, outputs: v, inputs: h })),
  ];
  const products = matrices.flatMap((matrix) =>
    (['product', 'inputs-back', 'weights-back'] as const).map((kind) => ({ kind, ...matrix })),
  );
  return [...new Map(products.map((product) => [productKey(product), product])).values()];
}
