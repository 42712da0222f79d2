/**
 * Products on matrix units, with the units in plain WGSL: the card itself is asked by `measureProducts`, whenever it
 * trains.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openGpu } from '../../../../../model/backends/gpu/device/adapter.js';
import type { GpuDevice } from '../../../../../model/backends/gpu/device/gpu-device.js';
import { measureProducts, type ProductMeasurement } from '../../../../../model/train/gpu/matrix/measure-products.js';
import type { MatrixTile } from '../../../../../model/train/gpu/matrix/matrix-product.js';
import { planProducts } from '../../../../../model/train/gpu/matrix/plan-products.js';
import { productKey } from '../../../../../model/train/gpu/matrix/products.js';
import { TILES, tileName } from '../../../../../model/train/gpu/matrix/tiles.js';
import { count } from '../../../../helpers/counts.js';
import { hasGpu } from '../../../../helpers/gpu.js';
import { PlainMatrices } from '../../../../helpers/plain-matrices.js';

let own: GpuDevice;
let gpu: PlainMatrices;
beforeAll(async () => {
  if (!hasGpu) return;
  own = await openGpu();
  gpu = new PlainMatrices(own);
});
afterAll(() => {
  if (hasGpu) own.destroy();
});

/** In CI the first one. */
const tiles = TILES.slice(0, count(1, TILES.length));

describe.runIf(hasGpu)('products on matrix units', () => {
  it.each([
    { kind: 'product', rows: 128, outputs: 128, inputs: 64 },
    { kind: 'inputs-back', rows: 128, outputs: 64, inputs: 128 },
    // In two parts, of which the second is shorter.
    { kind: 'weights-back', rows: count(576, 832), outputs: count(64, 128), inputs: count(64, 128) },
  ] as const)(
    'are those of the plain kernels with every tile: $kind',
    async (shape) => {
      const [measurement] = await measureProducts(gpu, [shape], tiles);
      expect(measurement?.refused).toEqual([]);
      for (const { tile, isRight, error } of measurement?.tiles ?? []) {
        expect([tileName(tile), isRight, error]).toEqual([tileName(tile), true, error]);
      }
      expect(measurement?.tiles.length).toBe(tiles.length);
    },
    600_000,
  );

  it('of a kernel that is wrong are found wrong', async () => {
    const swapped = new PlainMatrices(own, (code) => code.replace('sum0_0, ', 'sum0_1, '));
    const [measurement] = await measureProducts(
      swapped,
      [{ kind: 'product', rows: 64, outputs: 64, inputs: 64 }],
      [tiles[0]!],
    );
    expect(measurement?.tiles[0]).toMatchObject({ isRight: false });
    expect(planProducts([measurement!], [productKey(measurement!.product)]).onMatrixUnits).toEqual([]);
  });
});

describe('a plan of products', () => {
  const product = { kind: 'inputs-back', rows: 64, outputs: 64, inputs: 64 } as const;
  const key = productKey(product);
  const [first, second] = TILES as readonly [MatrixTile, MatrixTile];
  const measured = (seconds: number): ProductMeasurement => ({
    product,
    plainSeconds: 1,
    refused: [],
    tiles: [
      { tile: first, seconds: 2 * seconds, isRight: true, error: 0 },
      { tile: second, seconds, isRight: true, error: 0 },
      { tile: first, seconds: seconds / 2, isRight: false, error: 1 },
    ],
  });

  it.each([
    ['takes the fastest tile that is right', 0.5, undefined, second],
    ['takes none that is as slow as the plain kernel', 0.99, undefined, undefined],
    ['goes on with matrix units where a run began with them', 0.99, [key], second],
    ['goes on without them where a run began without', 0.5, [], undefined],
  ] as const)('%s', (_, seconds, wanted, tile) => {
    const plan = planProducts([measured(seconds)], wanted);
    expect(plan.tileOf(product)).toBe(tile);
    expect(plan.onMatrixUnits).toEqual(tile ? [key] : []);
  });
});
