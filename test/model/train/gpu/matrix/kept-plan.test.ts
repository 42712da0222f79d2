import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { GpuDevice } from '../../../../../model/backends/gpu/device/gpu-device.js';
import { KeptPlan } from '../../../../../model/train/gpu/matrix/kept-plan.js';
import type { ProductPlan } from '../../../../../model/train/gpu/matrix/plan-products.js';
import { productKey } from '../../../../../model/train/gpu/matrix/products.js';
import { TILES } from '../../../../../model/train/gpu/matrix/tiles.js';
import { productsOf } from '../../../../../model/train/gpu/product-shapes.js';
import { temporaryFolder } from '../../../../helpers/command-line.js';

const path = temporaryFolder();

/** What is looked at of a device. */
function deviceWith({ driver = '580.1', memory = 49_152, halves = true } = {}): GpuDevice {
  return {
    device: { adapterInfo: { vendor: 'v', architecture: 'a', device: 'd', description: driver } },
    features: { matrices: true, halves },
    limits: { maxComputeWorkgroupStorageSize: memory },
  } as unknown as GpuDevice;
}

/** The second tile is too high for 64 outputs, of which a gradient of weights has as many rows. */
const PRODUCTS = productsOf({ rows: 256, outputs: 64, inputs: 128 });
const [forth, , weights] = PRODUCTS as [ProductShape, ProductShape, ProductShape];
type ProductShape = (typeof PRODUCTS)[number];
const PLAN: ProductPlan = {
  tileOf: (product) => (productKey(product) === productKey(forth) ? TILES[1] : undefined),
  onMatrixUnits: [productKey(forth)],
};

const keptOn = (gpu = deviceWith(), products = PRODUCTS): KeptPlan =>
  new KeptPlan(gpu, products, { XDG_CACHE_HOME: path('cache') });

describe('KeptPlan', () => {
  beforeEach(async () => {
    await keptOn().forget();
  });

  it('gives back which tile each product takes, and nothing before and after', async () => {
    expect(keptOn().read()).toBeUndefined();
    await keptOn().write(PLAN);
    const found = keptOn().read();
    expect(found?.onMatrixUnits).toEqual(PLAN.onMatrixUnits);
    expect(PRODUCTS.map((product) => found?.tileOf(product))).toEqual([TILES[1], undefined, undefined]);
    await keptOn().forget();
    expect(keptOn().read()).toBeUndefined();
    expect(await readdir(dirname(keptOn().path))).toEqual([]);
  });

  it.each([
    ['driver', deviceWith({ driver: '580.2' }), PRODUCTS],
    ['card', deviceWith({ memory: 65_536 }), PRODUCTS],
    ['card without half floats', deviceWith({ halves: false }), PRODUCTS],
    ['shape, which is other kernels', deviceWith(), productsOf({ rows: 512, outputs: 64, inputs: 128 })],
  ])('is another one for another %s', async (_, gpu, products) => {
    await keptOn().write(PLAN);
    const other = keptOn(gpu, products);
    // Also where the name of the file is the same.
    await writeFile(other.path, await readFile(keptOn().path));
    expect(other.read()).toBeUndefined();
    await other.forget();
  });

  it('ignores whatever names no tiles that fit', async () => {
    await keptOn().write(PLAN);
    const { key } = JSON.parse(await readFile(keptOn().path, 'utf8')) as { key: string };
    const values: unknown[] = [
      null,
      {},
      [1, -1, -1],
      { tiles: 1 },
      { tiles: [1, -1] },
      { tiles: [1, -1, -1, -1] },
      { tiles: [TILES.length, -1, -1] },
      { tiles: [0.5, -1, -1] },
      { tiles: ['0', -1, -1] },
      { tiles: [-2, -1, -1] },
      { tiles: [1, -1, 1] },
    ];
    const texts = ['', '{', '\0', 'x'.repeat(1e5), ...values.map((value) => JSON.stringify({ key, value }))];
    for (const text of texts) {
      await writeFile(keptOn().path, text);
      expect([text, keptOn().read()]).toEqual([text, undefined]);
    }
    await writeFile(keptOn().path, JSON.stringify({ key, value: { tiles: [1, -1, 0] } }));
    expect(keptOn().read()?.tileOf(weights)).toBe(TILES[0]);
  });
});
