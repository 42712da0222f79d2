/** The kernels on the calling thread give what the integer model gives, step by step, and go on from its states. */
import { expect, it } from 'vitest';
import { cpuModelOf } from '../../../../model/backends/cpu/node/cpu-model-of.js';
import { IntegerModel } from '../../../../model/integer/integer-model.js';
import { readModelWeights, residentBytes } from '../../../../model/integer/model-weights.js';
import { EXTREME_MODELS, randomModel } from '../../../oracle/random-model.js';

it.each([['a plain model', {}], ...Object.entries(EXTREME_MODELS)])('%s', (_title, recipe) => {
  const sections = randomModel(5, recipe);
  const expected = new IntegerModel(readModelWeights(residentBytes(sections)));
  const actual = cpuModelOf(sections)!;
  const token = (k: number): number => (k * 11 + 2) % sections.shape.vocabSize;
  for (let k = 0; k < 12; k++) {
    const [found, wanted] = [actual, expected].map((model) => {
      if (k === 5) model.reset();
      // Some steps want taps, some nothing of the head.
      const taps = k % 3 === 0 ? model.stepWithTaps(token(k)) : undefined;
      if (k % 3 !== 0) model.step(token(k), k % 3 === 1);
      const head = k % 3 === 2 ? {} : { receipt: model.receipt(), logits: model.logits.slice() };
      return { taps: taps?.slice(), ...head, state: model.readState() };
    });
    expect(found).toEqual(wanted);
  }
  // And from a state that it did not reach itself.
  expected.step(0);
  actual.writeState(expected.readState());
  for (const model of [actual, expected]) model.step(1);
  expect(actual.receipt()).toBe(expected.receipt());
});
