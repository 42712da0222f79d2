/** What fits the memory of the kernels is known from the shape alone. */
import { describe, expect, it } from 'vitest';
import { openCpu } from '../../../../model/backends/cpu/node/open-cpu.js';
import { heapEnd, planMemory } from '../../../../model/backends/cpu/memory-plan.js';
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { ternaryWeights } from '../../../../protocol/image/tensors.js';
import { imageOf } from '../../../helpers/cpu.js';
import { TEST_IMAGE } from '../../../helpers/machines.js';
import { randomModel } from '../../../oracle/random-model.js';

const GIB = 2 ** 30;
const { shape } = randomModel(1);
/** The published 2.7B, with more or fewer layers. */
const ofLayers = (layers: number): ModelShape => {
  return { ...shape, vocabSize: 32_000, hiddenSize: 2560, intermediateSize: 6912, layers };
};
/** By bisection: the most layers that fit. */
function mostLayers(): number {
  let [fits, fails] = [1, 1024];
  while (fails - fits > 1) {
    const middle = (fits + fails) >> 1;
    try {
      planMemory(ofLayers(middle));
      fits = middle;
    } catch {
      fails = middle;
    }
  }
  return fits;
}

describe('a memory plan', () => {
  it('has room for the published sizes in 2 bits a weight and little more', () => {
    const plan = planMemory(ofLayers(32));
    const weights = ternaryWeights(ofLayers(32)) / 4;
    expect(heapEnd(plan)).toBeGreaterThan(weights);
    expect(heapEnd(plan)).toBeLessThan(1.25 * weights);
  });

  it('refuses what passes 4 GiB and nothing else', () => {
    const layers = mostLayers();
    const layer = heapEnd(planMemory(ofLayers(33))) - heapEnd(planMemory(ofLayers(32)));
    const largest = heapEnd(planMemory(ofLayers(layers)));
    expect(largest).toBeLessThanOrEqual(4 * GIB);
    expect(largest + layer).toBeGreaterThan(4 * GIB);
  });

  it('refuses an image before a byte of it is read, and says what to do', async () => {
    const image = imageOf(randomModel(1));
    const source = { ...image.source, readInto: () => expect.unreachable('it was read') };
    const large = { ...image, source, view: { ...image.view, shape: ofLayers(1000) } };
    await expect(openCpu(large, TEST_IMAGE)).rejects.toMatchObject({
      code: 'cpu-too-large',
      reason: expect.stringMatching(/^It needs 18\.6 GiB with two bits a weight; WebAssembly addresses 4 GiB\.$/),
      fix: expect.stringContaining('reference'),
      facts: { bytes: heapEndOf(1000) },
    });
  });
});

/** What a plan would take, by what a layer takes. */
function heapEndOf(layers: number): number {
  const at = (count: number): number => heapEnd(planMemory(ofLayers(count)));
  return at(32) + (layers - 32) * (at(33) - at(32));
}
