import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sampler, samplerSettings, temperatureOf } from '../../../model/integer/sampler.js';
import { MAX_CANDIDATES } from '../../../protocol/sampling.js';
import { threefryPair } from '../../../model/integer/threefry.js';
import { exp2Table } from '../../../protocol/image/tables.js';
import { oracleInvTemperature, oracleSample, oracleTopP } from '../../oracle/bigint-sampler.js';

const greedy = samplerSettings({ temperature: 0, topK: 40, topP: 1, seed: 0n });

describe('threefryPair', () => {
  // Random123 1.14.0, tests/kat_vectors, "threefry2x32 20".
  it.each([
    { key: [0, 0], counter: [0, 0], words: [0x6b200159, 0x99ba4efe] },
    { key: [0xffffffff, 0xffffffff], counter: [0xffffffff, 0xffffffff], words: [0x1cb996fc, 0xbb002be7] },
    { key: [0x13198a2e, 0x03707344], counter: [0x243f6a88, 0x85a308d3], words: [0xc4923a9c, 0x483df7a0] },
  ] as const)('of $key and $counter is $words', ({ key, counter, words }) => {
    expect(threefryPair(key[0], key[1], counter[0], counter[1])).toEqual(words);
  });
});

describe('Sampler', () => {
  const sampler = new Sampler(exp2Table());

  it('chooses what the oracle chooses', () => {
    const logit = fc.oneof(
      fc.integer({ min: -(2 ** 30), max: 2 ** 30 - 1 }),
      fc.integer({ min: -40_000, max: 40_000 }),
      fc.constantFrom(0, 1, 4096),
    );
    const settings = fc.record({
      topK: fc.integer({ min: 1, max: MAX_CANDIDATES }),
      invTemperature: fc.constantFrom(0, 148, 1477, 29_546),
      topP: fc.oneof(fc.integer({ min: 1, max: 32_768 }), fc.constantFrom(1, 32_767, 32_768)),
      seedLow: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      seedHigh: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    });
    fc.assert(
      fc.property(fc.array(logit, { minLength: 2, maxLength: 100 }), settings, fc.nat(), (logits, chosen, index) => {
        expect(sampler.choose(Int32Array.from(logits), chosen, index)).toBe(
          oracleSample(logits.map(BigInt), chosen, index),
        );
      }),
    );
  });

  it('gives ties to the lowest id', () => {
    expect(sampler.choose(Int32Array.of(1, 7, 3, 7, 7), greedy, 0)).toBe(1);
  });

  it('draws candidates as often as their probabilities say', () => {
    // ln 3 = 1.0986: probabilities 3/4 and 1/4 at temperature 1.
    const logits = Int32Array.of(0, Math.round(1.0986 * 4096));
    const settings = samplerSettings({ temperature: 1, topK: 2, topP: 1, seed: 7n });
    let ones = 0;
    for (let index = 0; index < 10_000; index++) ones += sampler.choose(logits, settings, index);
    // Five standard deviations of a binomial with p = 3/4.
    expect(Math.abs(ones - 7500)).toBeLessThan(5 * Math.sqrt(10_000 * 0.75 * 0.25));
  });
});

describe('samplerSettings', () => {
  it.each([
    [0, 1],
    [0.05, 0.5],
    [0.8, 0.95],
    [1, 0.9],
    [10, 0.0001],
  ])('turns temperature %s and top-p %s into the integers of the oracle', (temperature, topP) => {
    const settings = samplerSettings({ temperature, topK: 40, topP, seed: (5n << 32n) + 6n });
    expect(settings).toEqual({
      topK: 40,
      invTemperature: oracleInvTemperature(Math.round(temperature * 1000)),
      topP: oracleTopP(topP),
      seedLow: 6,
      seedHigh: 5,
    });
  });

  it.each([
    [{ temperature: 0.01 }, /temperature/],
    [{ temperature: 11 }, /temperature/],
    [{ temperature: NaN }, /temperature/],
    [{ topK: 0 }, /top-k/],
    [{ topK: 65 }, /top-k/],
    [{ topP: 0 }, /top-p/],
    [{ topP: 1.1 }, /top-p/],
    [{ seed: -1n }, /seed/],
    [{ seed: 1n << 64n }, /seed/],
  ])('refuses %o', (change, message) => {
    expect(() => samplerSettings({ temperature: 1, topK: 40, topP: 1, seed: 0n, ...change })).toThrow(message);
  });

  it('tells a short temperature of each setting, which becomes it again', () => {
    const others = Array.from({ length: 9951 }, (_, index) => (50 + index) / 1000).filter((temperature) => {
      const settings = samplerSettings({ temperature, topK: 40, topP: 1, seed: 0n });
      const told = samplerSettings({ temperature: temperatureOf(settings), topK: 40, topP: 1, seed: 0n });
      return told.invTemperature !== settings.invTemperature;
    });
    expect(others).toEqual([]);
    const shown = [0, 0.05, 0.8, 1.25, 10].map((temperature) =>
      temperatureOf(samplerSettings({ temperature, topK: 40, topP: 1, seed: 0n })),
    );
    expect(shown).toEqual([0, 0.05, 0.8, 1.25, 10]);
  });
});
