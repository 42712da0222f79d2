/** The kernel of a product, through matrix units or without: for training, and for whoever measures it. */
import { productInputs, productInputsGroups } from './kernels/product-inputs.js';
import { productWeights, productWeightsGroups, rowSplits } from './kernels/product-weights.js';
import { ternaryProduct, ternaryProductGroups } from './kernels/ternary-product.js';
import type { MatrixTile } from './matrix/matrix-product.js';
import { matrixCode, matrixGroups, matrixRowSplits, type ProductShape } from './matrix/products.js';

export interface ProductKernel {
  readonly code: string;
  readonly groups: readonly [number, number, number?];
  /** In how many parts a gradient of weights is left, for `sumPartials`. */
  readonly splits: number;
}

/** @param tile undefined: without matrix units @param addsBase whether what comes out is added to another one, forth */
export function productKernel(shape: ProductShape, tile: MatrixTile | undefined, addsBase = false): ProductKernel {
  const { kind, rows, outputs, inputs } = shape;
  if (tile) {
    const splits = matrixRowSplits(rows, outputs, inputs);
    return { code: matrixCode(shape, addsBase, tile), groups: matrixGroups(shape, tile), splits };
  }
  const splits = rowSplits(rows, outputs, inputs);
  if (kind === 'product') {
    return {
      code: ternaryProduct(rows, outputs, inputs, addsBase),
      groups: ternaryProductGroups(rows, outputs),
      splits,
    };
  }
  if (kind === 'inputs-back') {
    return { code: productInputs(rows, outputs, inputs), groups: productInputsGroups(rows, inputs), splits };
  }
  return { code: productWeights(rows, outputs, inputs), groups: productWeightsGroups(rows, outputs, inputs), splits };
}
