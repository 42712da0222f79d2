/**
 * How fast a device trains, by a measurement of less than a second: of the three products of a BitLinear, which take
 * most of a step.
 */
import type { GpuDevice } from '../../backends/gpu/device/gpu-device.js';
import { plainSecondsOf } from './matrix/measure-products.js';
import { productsOf } from './product-shapes.js';

/** One behind the other until it takes long enough: few rows leave a card idle, many take a program seconds. */
const ROWS = [64, 2048, 32_768];
const LONG_SECONDS = 0.003;
const [OUTPUTS, INPUTS] = [256, 192];
/** Norms, gates, scan and optimiser take the rest. */
const PRODUCTS_PART = 0.6;

/**
 * Divided by the weights of a model: the tokens that it learns in a second, about.
 *
 * @throws GpuError
 */
export async function weightTokensPerSecond(gpu: GpuDevice): Promise<number> {
  let found = 0;
  for (const rows of ROWS) {
    const seconds = await plainSecondsOf(gpu, productsOf({ rows, outputs: OUTPUTS, inputs: INPUTS }));
    found = (PRODUCTS_PART * rows * OUTPUTS * INPUTS) / seconds;
    if (seconds >= LONG_SECONDS) break;
  }
  return found;
}

/** Bytes of the largest buffer that a kernel can use. */
export function bindable({ limits }: Pick<GpuDevice, 'limits'>): number {
  return Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
}
