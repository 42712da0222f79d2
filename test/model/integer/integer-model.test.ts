/**
 * The reference against the oracle, which shares no code with it: every logit, every tap, on random and on extreme
 * models.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IntegerModel } from '../../../model/integer/integer-model.js';
import { readModelWeights, residentBytes } from '../../../model/integer/model-weights.js';
import type { ModelSections } from '../../../protocol/image/model-shape.js';
import { BigIntModel } from '../../oracle/bigint-model.js';
import { Prng } from '../../oracle/prng.js';
import { EXTREME_MODELS, randomModel } from '../../oracle/random-model.js';

function referenceOf(sections: ModelSections): IntegerModel {
  return new IntegerModel(readModelWeights(residentBytes(sections)));
}

/** Feeds random tokens to both and compares everything that a step leaves behind. */
function expectSameRun(sections: ModelSections, tokens: number, seed: number): void {
  const reference = referenceOf(sections);
  const oracle = new BigIntModel(sections);
  const random = new Prng(seed);
  for (let position = 0; position < tokens; position++) {
    const token = random.between(0, sections.shape.vocabSize - 1);
    const taps = reference.stepWithTaps(token);
    const expected = oracle.step(token);
    expect(Array.from(taps), `taps at token ${position}`).toEqual(expected.taps);
    expect(Array.from(reference.logits), `logits at token ${position}`).toEqual(expected.logits.map(Number));
    expect(reference.receipt()).toBe(expected.receipt);
  }
}

describe('IntegerModel equals the oracle', () => {
  it.each(Object.entries(EXTREME_MODELS))('on a model with %s', (title, recipe) => {
    const tokens = title.startsWith('longest rows') ? 2 : 6;
    expectSameRun(randomModel(1, recipe), tokens, 2);
  });

  it('on random models of random sizes', () => {
    const size = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.nat(),
          vocabSize: fc.integer({ min: 2, max: 40 }),
          hiddenSize: size(40),
          intermediateSize: size(40),
          layers: size(3),
          // From outputs of single units to saturation everywhere.
          loudness: fc.integer({ min: -6, max: 12 }),
        }),
        ({ seed, vocabSize, hiddenSize, intermediateSize, layers, loudness }) => {
          const sections = randomModel(seed, {
            shape: { vocabSize, hiddenSize, intermediateSize, layers, bosTokenId: 0, eosTokenId: 1 },
            em: (random) => random.between(-26, -22) + loudness,
          });
          expectSameRun(sections, 4, seed + 1);
        },
      ),
    );
  });

  it('on rows longer than the 256 columns of a packed sum', () => {
    const shape = { hiddenSize: 257, intermediateSize: 515, vocabSize: 11, layers: 1 };
    expectSameRun(randomModel(3, { shape, trit: () => 1 }), 3, 4);
  });
});

describe('IntegerModel', () => {
  const sections = randomModel(5);

  it('starts over after a reset', () => {
    const model = referenceOf(sections);
    const run = (): number[] =>
      [3, 1, 4, 1, 5].map((token) => {
        model.step(token);
        return model.receipt();
      });
    const first = run();
    expect(run()).not.toEqual(first);
    model.reset();
    expect(run()).toEqual(first);
  });

  it('has the same state whether or not the logits were wanted', () => {
    const [all, last] = [referenceOf(sections), referenceOf(sections)];
    for (const token of [3, 1, 4]) all.step(token);
    for (const token of [3, 1]) last.step(token, false);
    last.step(4);
    expect(last.receipt()).toBe(all.receipt());
  });

  it.each([-1, 53, 1.5, NaN])('refuses token %s of a vocabulary of 53', (token) => {
    expect(() => referenceOf(sections).step(token)).toThrow(RangeError);
  });
});
