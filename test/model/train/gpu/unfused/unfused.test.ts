/** The unfused twin that training is compared with: the same results, whatever it keeps. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openGpu } from '../../../../../model/backends/gpu/device/adapter.js';
import type { GpuDevice } from '../../../../../model/backends/gpu/device/gpu-device.js';
import { compareGradients } from '../../../../../model/train/compare-gradients.js';
import { TILES } from '../../../../../model/train/gpu/matrix/tiles.js';
import { productShapes } from '../../../../../model/train/gpu/product-shapes.js';
import { fusedLayer, layerLayout, unfusedLayer, type Layer } from '../../../../../model/train/gpu/unfused/layer.js';
import { Scratch } from '../../../../../model/train/gpu/unfused/scratch.js';
import { UnfusedBitLinears } from '../../../../../model/train/gpu/unfused/unfused-bitlinears.js';
import type { MakeBitLinears } from '../../../../../model/train/gpu/training-setup.js';
import type { Tensors } from '../../../../../model/train/parameters.js';
import { count } from '../../../../helpers/counts.js';
import { hasGpu } from '../../../../helpers/gpu.js';
import { PlainMatrices } from '../../../../helpers/plain-matrices.js';
import { insideTargets, toy, trainerOf } from '../../../../helpers/training.js';
import { Prng } from '../../../../oracle/prng.js';

let own: GpuDevice;
beforeAll(async () => {
  if (hasGpu) own = await openGpu();
});
afterAll(() => {
  if (hasGpu) own.destroy();
});

/** The other tests are the same kernels once more, which a software adapter takes half a minute to compile. */
const isLong = count(0, 1) === 1;

const worst = (found: Tensors, expected: Tensors): number =>
  Math.max(...compareGradients(found, expected).map(({ relativeError }) => relativeError));

describe.runIf(hasGpu)('unfused BitLinears', () => {
  it.each([
    ['floats', { rows: 32, width: 32, pieceRows: 16 }, undefined, 1e-5],
    ...(isLong ? [['half floats', { rows: 128, width: 64, pieceRows: 64 }, TILES[0], 2e-3] as const] : []),
  ] as const)('give a layer in %s what the fused ones give in pieces', async (_, shape, tile, tolerance) => {
    const gpu = tile ? new PlainMatrices(own) : own;
    const random = new Prng(3);
    const noise = (length: number, factor: number): ReturnType<GpuDevice['storage']> => {
      const buffer = gpu.storage('noise', 4 * length);
      const values = Float32Array.from({ length }, () => (factor * random.between(-1000, 1000)) / 1000);
      gpu.device.queue.writeBuffer(buffer, 0, values);
      return buffer;
    };
    const inputs = {
      parameters: noise(layerLayout(shape.width).total, 1),
      v: noise(shape.rows * shape.width, 1),
      dOut: noise(shape.rows * shape.width, 1e-4),
    };
    const results: Tensors[] = [];
    for (const make of [fusedLayer, unfusedLayer]) {
      const layer = await make(gpu, shape, inputs, () => tile);
      results.push(await resultsOf(gpu, layer));
      layer.free();
    }
    expect(worst(results[1]!, results[0]!)).toBeLessThan(tolerance);
  });

  it.runIf(isLong)('give a model the loss and the gradients of the fused ones', async () => {
    const model = toy([16, 32, 1, 64], [2, 80]);
    const batch = { sequences: model.sequences, length: model.length };
    // Of two pieces of logits.
    const logitBytes = 4 * 64 * 100;
    const products = productShapes(model.config, batch, logitBytes);
    const bitLinears: MakeBitLinears = (setup, list) =>
      new UnfusedBitLinears(setup, list, { scratch: new Scratch(own), products, tileOf: () => undefined });
    const results = [];
    for (const options of [{ logitBytes }, { logitBytes, bitLinears }]) {
      const { trainer } = await trainerOf(model, { on: own, ...options });
      trainer.begin();
      trainer.microBatch(Uint32Array.from(model.ids), insideTargets(model.ids, model.length));
      results.push({ loss: await trainer.loss(), gradients: await trainer.gradients() });
    }
    const [fused, unfused] = results;
    expect(Math.abs(unfused!.loss / fused!.loss - 1)).toBeLessThan(1e-5);
    expect(worst(unfused!.gradients, fused!.gradients)).toBeLessThan(1e-4);
  });
});

async function resultsOf(gpu: GpuDevice, { list, out, dv, gradient }: Layer): Promise<Tensors> {
  const commands = gpu.device.createCommandEncoder();
  list.encode(commands);
  gpu.submit(commands);
  const found = new Map<string, Float32Array>();
  for (const [name, buffer] of Object.entries({ out, dv, gradient })) {
    found.set(name, new Float32Array(await gpu.copied(buffer, buffer.size)));
  }
  return found;
}
