/**
 * Kernels on matrix units, with the units in plain WGSL: the card itself is checked by a probe, and by
 * `mmfree bench gpu` and `verify`.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openGpu } from '../../../../model/backends/gpu/device/adapter.js';
import type { GpuDevice } from '../../../../model/backends/gpu/device/gpu-device.js';
import { GpuMachine } from '../../../../model/backends/gpu/gpu-machine.js';
import { samplerSettings } from '../../../../model/integer/sampler.js';
import type { ModelSections } from '../../../../protocol/image/model-shape.js';
import { count as inRun } from '../../../helpers/counts.js';
import { gpuModel, hasGpu } from '../../../helpers/gpu.js';
import { PlainMatrices } from '../../../helpers/plain-matrices.js';
import { Prng } from '../../../oracle/prng.js';
import { randomModel } from '../../../oracle/random-model.js';
import { gathered, receiptsOf, referenceSequence, TEST_IMAGE } from '../../../helpers/machines.js';

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

const PATIENCE_MS = 240_000;

/** In CI each kind of tile is tried with tokens of one sequence or with a batch, in the long run with both. */
const isLongRun = inRun(0, 1) === 1;

/**
 * Rows of all three kinds of tiles, none of them a multiple of a tile; and columns that several turns and subgroups
 * share.
 */
const SHAPE = { hiddenSize: 330, intermediateSize: 1161, vocabSize: 4101, layers: 1 };

function someTokens(seed: number, count: number, { shape }: ModelSections): number[] {
  const random = new Prng(seed);
  return Array.from({ length: count }, () => random.between(0, shape.vocabSize - 1));
}

describe.skipIf(!hasGpu)('kernels on matrix units', () => {
  it.each([
    ...(isLongRun ? ([[5, SHAPE]] as const) : []),
    [32, SHAPE],
    // More than the kernels for few take; and so wide a row that turns are left over.
    [70, { hiddenSize: 330, intermediateSize: 90, vocabSize: 61, layers: 1 }],
  ] as const)(
    'compute prompts of %i tokens as the reference does',
    async (count, shape) => {
      const sections = randomModel(21, { shape });
      const tokens = someTokens(count, count, sections);
      const machine = await GpuMachine.create(await gpuModel(sections, {}, gpu), TEST_IMAGE);
      const receipts = await receiptsOf(await machine.open(), tokens);
      await machine.close();
      expect(receipts).toEqual(await receiptsOf(await referenceSequence(sections), tokens));
      expect([...gpu.rewritten]).toContain('GLU product');
    },
    PATIENCE_MS,
  );

  // Tiles of 16 tokens, and of 32.
  it.each(isLongRun ? [3, 21] : [3])(
    'compute each sequence of a batch of %i as the reference does',
    async (count) => {
      const sections = randomModel(22, { shape: SHAPE });
      const sampler = samplerSettings({ temperature: 0.9, topK: 20, topP: 0.9, seed: 5n });
      const requests = Array.from({ length: count }, (_, k) => ({
        prompt: someTokens(k, 1, sections),
        maxTokens: 2 + (k % 2),
        sampler,
      }));
      const machine = await GpuMachine.create(await gpuModel(sections, {}, gpu), TEST_IMAGE);
      const sequences = await Promise.all(requests.map(() => machine.open()));
      const outputs = await Promise.all(sequences.map((sequence, k) => gathered(sequence.generate(requests[k]!))));
      await machine.close();
      for (const [k, request] of requests.entries()) {
        expect(outputs[k]).toEqual(await gathered((await referenceSequence(sections)).generate(request)));
      }
    },
    PATIENCE_MS,
  );
});
