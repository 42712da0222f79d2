/** What measurements say about how products go: each as it is fastest, or as a run began. */
import type { GpuDevice } from '../../../backends/gpu/device/gpu-device.js';
import type { ModelConfig } from '../../../config.js';
import { productShapes } from '../product-shapes.js';
import type { BatchShape } from '../training-buffers.js';
import { measureProducts, type ProductMeasurement } from './measure-products.js';
import type { MatrixTile } from './matrix-product.js';
import { productKey, type TileOf } from './products.js';

export interface ProductPlan {
  readonly tileOf: TileOf;
  /**
   * The keys of those that go through matrix units. With the same ones a run has the same bits, whichever tiles they
   * take.
   */
  readonly onMatrixUnits: readonly string[];
}

/** Must be so much faster than the plain kernel to be taken. */
const WORTH = 0.95;

/**
 * Measures the products of a model's micro-batch, and plans them.
 *
 * @param wanted as for `planProducts`; nothing else is measured then
 * @throws GpuError if a plain kernel fails
 */
export async function measuredPlan(
  gpu: GpuDevice,
  config: ModelConfig,
  batch: BatchShape,
  wanted?: readonly string[],
): Promise<ProductPlan> {
  const products = productShapes(config, batch);
  const tried = wanted ? products.filter((product) => wanted.includes(productKey(product))) : products;
  return planProducts(await measureProducts(gpu, tried), wanted);
}

/** @param wanted what goes through matrix units where it can, and nothing else does; undefined: what is faster so */
export function planProducts(measured: readonly ProductMeasurement[], wanted?: readonly string[]): ProductPlan {
  const chosen = new Map<string, MatrixTile>();
  for (const { product, plainSeconds, tiles } of measured) {
    const key = productKey(product);
    const right = tiles.filter(({ isRight }) => isRight).toSorted((a, b) => a.seconds - b.seconds);
    const isTaken = wanted ? wanted.includes(key) : right.length > 0 && right[0].seconds < WORTH * plainSeconds;
    if (isTaken && right.length > 0) chosen.set(key, right[0].tile);
  }
  return { tileOf: (product) => chosen.get(productKey(product)), onMatrixUnits: [...chosen.keys()] };
}
