/**
 * How fast a device trains, by a measurement of a second or two: of the three products of a BitLinear, which take
 * most of a step.
 */
import type { GpuDevice } from '../../backends/gpu/device/gpu-device.js';
import { plainSecondsOf, productsForUnits } from './matrix/measure-products.js';
import { productsOf } from './product-shapes.js';

/** One behind the other until it takes long enough: small ones leave a card idle, large ones take a program seconds. */
const SIZES = [
  { rows: 64, outputs: 128, inputs: 64 },
  { rows: 2048, outputs: 256, inputs: 192 },
  { rows: 32_768, outputs: 256, inputs: 192 },
];
const LONG_SECONDS = 0.003;
/** A computer that was busy for a moment must not make a model too small. */
const TIMES = 3;
/** Norms, gates, scan and optimiser take the rest. */
const PRODUCTS_PART = 0.6;
/**
 * What matrix units, which take seconds to measure, make of the whole. On an H200 shapes of 4M, 9M and 21M learned 9 to
 * 14 times what the plain products promise; a model that is too small is better than one that is not learned.
 */
const UNITS_GAIN = 5;

/**
 * Divided by the weights of a model: the tokens that it learns in a second, about.
 *
 * @throws GpuError
 */
export async function weightTokensPerSecond(gpu: GpuDevice): Promise<number> {
  let found = 0;
  for (const size of SIZES) {
    let seconds = Infinity;
    for (let time = 0; time < TIMES; time++) seconds = Math.min(seconds, await plainSecondsOf(gpu, productsOf(size)));
    found = (PRODUCTS_PART * size.rows * size.outputs * size.inputs) / seconds;
    if (seconds >= LONG_SECONDS) break;
  }
  const taken = await productsForUnits(gpu, productsOf(SIZES[0]));
  return taken.length > 0 ? UNITS_GAIN * found : found;
}

/** Bytes of the largest buffer that a kernel can use. */
export function bindable({ limits }: Pick<GpuDevice, 'limits'>): number {
  return Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
}
