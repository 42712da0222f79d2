/**
 * How products went fastest in an earlier run: which tile each takes, for an adapter with its driver, and for the very
 * texts of the kernels that were compared.
 */
import { createHash } from 'node:crypto';
import { VERSION } from '../../../../protocol/version.js';
import type { GpuDevice } from '../../../backends/gpu/device/gpu-device.js';
import { adapterIdentity } from '../../../backends/gpu/plan-cache.js';
import { KeptMeasurement } from '../../../kept-measurement.js';
import { productKernel } from '../product-kernel.js';
import type { ProductPlan } from './plan-products.js';
import { fits, productKey, type ProductShape } from './products.js';
import { TILES } from './tiles.js';

/** Of each product in order the place of its tile in {@link TILES}; −1: without matrix units. */
type TilePlaces = { readonly tiles: readonly number[] };

/** A plan in the user's cache folder. What is there is untrusted: a plan names tiles that fit, or is none. */
export class KeptPlan {
  readonly #products: readonly ProductShape[];
  readonly #kept: KeptMeasurement<TilePlaces>;

  /** @param products what matrix units are tried with @param env of the process */
  constructor(
    { device, features, limits }: Pick<GpuDevice, 'device' | 'features' | 'limits'>,
    products: readonly ProductShape[],
    env?: Readonly<Record<string, string | undefined>>,
  ) {
    const { matrices, halves } = features;
    const memory = limits.maxComputeWorkgroupStorageSize;
    const key = [VERSION, adapterIdentity(device), matrices, halves, memory, hashOfKernels(products, memory)];
    this.#products = products;
    this.#kept = new KeptMeasurement('training-plan', key, (fields) => parsePlaces(fields, products, memory), env);
  }

  get path(): string {
    return this.#kept.path;
  }

  read(): ProductPlan | undefined {
    const places = this.#kept.read();
    if (places === undefined) return undefined;
    const chosen = new Map(
      this.#products.flatMap((product, k) => {
        const tile = TILES[places.tiles[k]];
        return tile ? [[productKey(product), tile] as const] : [];
      }),
    );
    return { tileOf: (product) => chosen.get(productKey(product)), onMatrixUnits: [...chosen.keys()] };
  }

  /** @throws the system's error */
  async write({ tileOf }: ProductPlan): Promise<void> {
    const tiles = this.#products.map((product) => TILES.findIndex((tile) => tile === tileOf(product)));
    await this.#kept.write({ tiles });
  }

  async forget(): Promise<void> {
    await this.#kept.forget();
  }
}

/** Of all kernels that a measurement would compare. */
function hashOfKernels(products: readonly ProductShape[], memory: number): string {
  const hash = createHash('sha256');
  for (const product of products) {
    for (const tile of [undefined, ...TILES.filter((each) => fits(product, each, memory))]) {
      const { code, groups } = productKernel(product, tile);
      hash.update(`${productKey(product)}\n${groups.join()}\n${code}\n`);
    }
  }
  return hash.digest('hex');
}

function parsePlaces(
  { tiles }: Readonly<Record<string, unknown>>,
  products: readonly ProductShape[],
  memory: number,
): TilePlaces | undefined {
  if (!Array.isArray(tiles) || tiles.length !== products.length) return undefined;
  const places = tiles.map((place: unknown, k) => {
    const tile = TILES.findIndex((_, at) => at === place);
    return place === -1 || (tile >= 0 && fits(products[k], TILES[tile], memory)) ? tile : undefined;
  });
  return places.every((place) => place !== undefined) ? { tiles: places } : undefined;
}
