/** Of `npm run bench:train -- --unfused`: one BitLinear, fused and unfused. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './setup.mjs';

export const load = async (path) => await import(pathToFileURL(join(root, 'dist', path)).href);
export const { median } = await load('cli/work/bench/input.js');
const { openGpu } = await load('model/backends/gpu/device/adapter.js');
const { secondsOf, timeDispatches } = await load('model/backends/gpu/device/dispatch.js');
const { compareGradients } = await load('model/train/compare-gradients.js');
const { measureProducts } = await load('model/train/gpu/matrix/measure-products.js');
const { planProducts } = await load('model/train/gpu/matrix/plan-products.js');
const { productsOf } = await load('model/train/gpu/product-shapes.js');
const { fusedLayer, layerLayout, unfusedLayer } = await load('model/train/gpu/unfused/layer.js');

/** Rows, width, and rows that fused kernels have in their scratch at a time. */
export const LAYERS = {
  layer: { rows: 65_536, width: 2048, pieceRows: 4096 },
  'small-layer': { rows: 256, width: 64, pieceRows: 64 },
};
const ROUNDS = 5;
/** Bytes of a result that are compared. */
const COMPARED_BYTES = 64 << 20;

/** Time and memory in alternating rounds, and how far results are apart. */
export async function comparedLayers(name, { plain }) {
  const shape = LAYERS[name];
  const gpu = await openGpu();
  const measured = plain
    ? []
    : await measureProducts(gpu, productsOf({ rows: shape.pieceRows, outputs: shape.width, inputs: shape.width }));
  const { tileOf, onMatrixUnits } = planProducts(measured);
  const inputs = layerInputs(gpu, shape);
  const layers = [];
  for (const make of [fusedLayer, unfusedLayer]) layers.push(await make(gpu, shape, inputs, tileOf));
  const [fused, unfused] = [await results(gpu, layers[0]), await results(gpu, layers[1])];
  const seconds = layers.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [k, { list }] of layers.entries()) seconds[k].push(await secondsOf(gpu, list.dispatches));
  }
  const kernels = [];
  for (const { list } of layers) kernels.push(await kernelSeconds(gpu, list.dispatches));
  const errors = compareGradients(unfused, fused).map(({ tensor, relativeError }) => [
    tensor,
    Number(relativeError.toExponential(1)),
  ]);
  const result = {
    layer: `${shape.width} → ${shape.width}`,
    rows: shape.rows,
    rows_at_a_time: shape.pieceRows,
    gpu: gpu.name,
    ...savings(
      seconds.map(median),
      layers.map(({ bytes }) => bytes),
    ),
    relative_error: Object.fromEntries(errors),
    on_matrix_units: onMatrixUnits,
    rounds: seconds.map((all) => all.map((value) => Number(value.toFixed(6)))),
    kernels,
  };
  gpu.destroy();
  return result;
}

/** Weights of a new model, and noise. It repeats: a hundred million numbers would take a while to draw. */
function layerInputs(gpu, { rows, width }) {
  const once = Float32Array.from({ length: 1_000_003 }, (_, k) => (Math.imul(k + 1, 0x9e37_79b1) >> 8) / 2 ** 23);
  const { total, matrices } = layerLayout(width);
  const noise = (label, length, factor) => {
    const buffer = gpu.storage(label, 4 * length);
    const values = once.map((value) => factor * value);
    for (let first = 0; first < length; first += values.length) {
      gpu.device.queue.writeBuffer(buffer, 4 * first, values, 0, Math.min(values.length, length - first));
    }
    return buffer;
  };
  const parameters = noise('parameters', total, 0.04);
  gpu.device.queue.writeBuffer(parameters, 4 * matrices, new Float32Array(width).fill(1));
  return { parameters, v: noise('v', rows * width, 1), dOut: noise('gradient of out', rows * width, 1e-4) };
}

/** Of one run: as much of each as is compared. */
async function results(gpu, { list, out, dv, gradient }) {
  const commands = gpu.device.createCommandEncoder();
  list.encode(commands);
  gpu.submit(commands);
  const found = new Map();
  for (const [name, buffer] of Object.entries({ out, dv, gradient })) {
    found.set(name, new Float32Array(await gpu.copied(buffer, Math.min(buffer.size, COMPARED_BYTES))));
  }
  return found;
}

/** Of two: fused and unfused. */
export function savings([seconds, unfusedSeconds], [bytes, unfusedBytes]) {
  const percent = (share) => Number((100 * share).toFixed(1));
  return {
    seconds: [seconds, unfusedSeconds].map((value) => Number(value.toFixed(6))),
    gb: [bytes, unfusedBytes].map((value) => Number((value / 1e9).toFixed(3))),
    memory_saved_percent: percent(1 - bytes / unfusedBytes),
    faster_percent: percent(unfusedSeconds / seconds - 1),
  };
}

/** What each kernel takes, each in a pass of its own; empty without timestamps. */
export async function kernelSeconds(gpu, dispatches) {
  const kernels = gpu.features.timestamps ? await timeDispatches(gpu, dispatches, 0) : [];
  return Object.fromEntries(
    [...kernels].toSorted((a, b) => b[1] - a[1]).map(([name, seconds]) => [name, Number(seconds.toFixed(6))]),
  );
}
