/** The products of a model's micro-batch: what matrix units are tried with. */
import type { ModelConfig } from '../../config.js';
import { productKey, type ProductShape, type TileOf } from './matrix/products.js';
import { headPieces, logitRows, type BatchShape, type BufferNeeds } from './training-buffers.js';

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
  const products = matrices.flatMap(productsOf);
  return [...new Map(products.map((product) => [productKey(product), product])).values()];
}

/** Forth and both ways back. */
export function productsOf(matrix: Omit<ProductShape, 'kind'>): ProductShape[] {
  return (['product', 'inputs-back', 'weights-back'] as const).map((kind) => ({ kind, ...matrix }));
}

/** What the size of buffers depends on beside the shapes. @param logitBytes as for `Trainer.create` */
export function bufferNeeds(config: ModelConfig, batch: BatchShape, tileOf: TileOf, logitBytes?: number): BufferNeeds {
  const pieceRows = logitRows(batch.sequences * batch.length, config.vocabSize, logitBytes);
  const back = productShapes(config, batch, logitBytes).filter(({ kind }) => kind !== 'product');
  return { pieceRows, halves: back.some((product) => tileOf(product) !== undefined) };
}
