/** A model in training whose products go through matrix units, which are in plain WGSL here. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openGpu } from '../../../../../model/backends/gpu/device/adapter.js';
import type { GpuDevice } from '../../../../../model/backends/gpu/device/gpu-device.js';
import { compareGradients } from '../../../../../model/train/compare-gradients.js';
import { createCheckedTrainer } from '../../../../../model/train/gpu/checked-trainer.js';
import { productKey } from '../../../../../model/train/gpu/matrix/products.js';
import { TILES } from '../../../../../model/train/gpu/matrix/tiles.js';
import { productShapes } from '../../../../../model/train/gpu/product-shapes.js';
import { count } from '../../../../helpers/counts.js';
import { hasGpu } from '../../../../helpers/gpu.js';
import { PlainMatrices } from '../../../../helpers/plain-matrices.js';
import { insideTargets, integersOf, toy, trainerOf } from '../../../../helpers/training.js';
import { twinGradients } from '../../../../oracle/training/twin.js';

let own: GpuDevice;
beforeAll(async () => {
  if (hasGpu) own = await openGpu();
});
afterAll(() => {
  if (hasGpu) own.destroy();
});

/** All of it in whole tiles. */
const MODEL = toy([64, 64, 1, 64], [1, 64]);

describe.runIf(hasGpu)('training on matrix units', () => {
  it('has the loss of the plain kernels to the bit, and gradients within 2 % of the twin', async () => {
    const gpu = new PlainMatrices(own);
    const { trainer } = await trainerOf(MODEL, {
      on: gpu,
      tileOf: () => TILES[0],
    });
    const { trainer: plain } = await trainerOf(MODEL, { on: own });
    const losses: number[] = [];
    for (const each of [plain, trainer]) {
      each.begin();
      each.microBatch(Uint32Array.from(MODEL.ids), insideTargets(MODEL.ids, MODEL.length));
      losses.push(await each.loss());
    }
    expect(losses[1]).toBe(losses[0]);
    expect([...gpu.rewritten].toSorted()).toEqual(['inputs-back', 'product', 'weights-back']);
    const gradients = await trainer.gradients();
    const integers = await integersOf(own, plain, MODEL);
    const twin = twinGradients(MODEL.config, MODEL.parameters, MODEL.ids, MODEL.length, { integers });
    for (const { tensor: name, relativeError } of compareGradients(gradients, twin.gradients)) {
      expect([name, relativeError < 2e-2, relativeError]).toEqual([name, true, relativeError]);
    }
  }, 240_000);

  it.each([
    // What agrees has been seen above; the whole of it takes a software adapter eight seconds more.
    ...(count(0, 1) === 0
      ? []
      : [['goes on with them where they agree with the plain kernels', (code: string): string => code, true] as const]),
    ['leaves them alone where they do not', (code: string): string => code.replace('(254u', '(255u'), false] as const,
  ])(
    '%s',
    async (_, spoil, agrees) => {
      const products = productShapes(MODEL.config, { sequences: MODEL.sequences, length: MODEL.length });
      const keys = products.map(productKey);
      const options = {
        batch: { sequences: MODEL.sequences, length: MODEL.length },
        targets: MODEL.ids.length,
        decayed: 'all',
      } as const;
      const { trainer, onMatrixUnits, disagreement } = await createCheckedTrainer(
        new PlainMatrices(own, spoil),
        MODEL.config,
        options,
        { tileOf: () => TILES[0], onMatrixUnits: keys },
        {
          start: (each) => each.load(MODEL.parameters),
          windows: { ids: Uint32Array.from(MODEL.ids), targets: insideTargets(MODEL.ids, MODEL.length) },
        },
      );
      expect(onMatrixUnits).toEqual(agrees ? keys : []);
      expect(disagreement === undefined).toBe(agrees);
      expect((await trainer.state()).first.every((moment) => moment === 0)).toBe(true);
    },
    240_000,
  );
});
