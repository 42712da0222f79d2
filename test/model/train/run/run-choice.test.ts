import { describe, expect, it } from 'vitest';
import {
  chooseShape,
  chooseTokens,
  chooseWindows,
  type Circumstances,
} from '../../../../model/train/run/run-choice.js';

const VOCABULARY = 4096;
const GIB = 2 ** 30;

/** Weights times tokens a second, bytes, as they were measured or as data sheets have them. */
const SOFTWARE = { weightTokensPerSecond: 3e7, memoryBytes: GIB };
const LAPTOP = { weightTokensPerSecond: 4e10, memoryBytes: GIB };
const SMALL_LAPTOP = { weightTokensPerSecond: 4e10, memoryBytes: 2 ** 27 };
const TINY_MEMORY = { weightTokensPerSecond: 4e12, memoryBytes: 2 ** 25 };
const H100 = { weightTokensPerSecond: 4e12, memoryBytes: 2 * GIB - 4 };

const TALE = 2000;
const BOOK = 180_000;
const SHELF = 7_000_000;
const LIBRARY = 300_000_000;

const chosen = (told: Partial<Circumstances>): [string, string] => {
  const { value, reason } = chooseShape(VOCABULARY, { ...H100, textTokens: LIBRARY, seconds: 600, ...told });
  return [value, reason];
};

describe('the shape of a model', () => {
  it.each([
    ['a tale', 'software', SOFTWARE, TALE, '100K', '1M would need 10,198,272 tokens, and the text has 2,000'],
    ['a library', 'software', SOFTWARE, LIBRARY, '100K', '1M would need 10,198,272 tokens, and learn 12,355 in 10 min'],
    ['a tale', 'a laptop', LAPTOP, TALE, '100K', 'the text has 2,000, to be read 8 times'],
    ['a book', 'a laptop', LAPTOP, BOOK, '100K', 'the text has 180,000'],
    ['a library', 'a laptop', LAPTOP, LIBRARY, '1M', '4M would need 35,910,784 tokens, and learn 4,678,260'],
    ['a library', 'a laptop with small buffers', SMALL_LAPTOP, LIBRARY, '1M', 'and learn 4,678,260'],
    ['a library', 'a card with very small buffers', TINY_MEMORY, LIBRARY, '1M', '4M would take 98 MiB for its weights'],
    ['a tale', 'an H100', H100, TALE, '100K', 'the text has 2,000'],
    ['a book', 'an H100', H100, BOOK, '100K', 'the text has 180,000'],
    ['a shelf', 'an H100', H100, SHELF, '4M', '9M would need 62,565,888 tokens, and the text has 7,000,000'],
    ['a library', 'an H100', H100, LIBRARY, '9M', '21M would need 146,202,112 tokens, and learn 114,909,421 in 10'],
  ])('for %s on %s', (_, __, device, textTokens, shape, reason) => {
    expect(chosen({ ...device, textTokens })).toEqual([shape, expect.stringContaining(reason)]);
  });

  it('follows the time and the tokens that are told', () => {
    expect(chosen({ seconds: 1200 })[0]).toBe('21M');
    expect(chosen({ seconds: 30 })[0]).toBe('1M');
    expect(chosen({ tokens: 60_000_000 })[0]).toBe('4M');
    expect(chosen({ tokens: 63_000_000 })[0]).toBe('9M');
    // However long it takes: what does not fit into memory, and what there is no text for, is not chosen.
    expect(chosen({ seconds: 1e7 })).toEqual(['21M', expect.stringContaining('370M would take')]);
    expect(chosen({ seconds: 1e7, textTokens: BOOK })[0]).toBe('100K');
  });
});

describe('the windows of a step', () => {
  it.each([
    [16_000, LIBRARY, 64, 4],
    [1_400_000, BOOK, 512, 4],
    [10_000_000, LIBRARY, 512, 32],
    [56_000_000, SHELF, 512, 160],
    [404_000_000, LIBRARY, 512, 192],
    [404_000_000, 300, 64, 1536],
    [1_400_000, 10, 64, 32],
  ])('of %i tokens of a text of %i', (tokens, textTokens, context, batch) => {
    const windows = chooseWindows(tokens, textTokens);
    expect([windows.context.value, windows.batch.value]).toEqual([context, batch]);
  });

  it('are what is told, and fit it', () => {
    const told = (given: Parameters<typeof chooseWindows>[2]): number[] => {
      const { context, batch } = chooseWindows(60_000_000, LIBRARY, given);
      return [context.value, batch.value];
    };
    expect(told({ context: 2048 })).toEqual([2048, 48]);
    expect(told({ context: 65_536 })).toEqual([65_536, 1]);
    expect(told({ batch: 7 })).toEqual([512, 7]);
    expect(told({ batch: 1000 })).toEqual([64, 1000]);
    expect(told({ context: 16, batch: 3 })).toEqual([16, 3]);
  });
});

describe('the length of a run', () => {
  it.each([
    ['as long as there is time', 1_000_000, LIBRARY, 100, 60_000, 'what 10 minutes are enough for'],
    ['until weights have seen enough', 5_000_000, LIBRARY, 1e6, 100_000_000, '20 for each weight'],
    ['until the text was read often enough', 5_000_000, BOOK, 1e6, 8 * BOOK, 'the text 8 times'],
    ['until a small text was read for some steps', 450_000, TALE, 1e6, 153_600, 'the text 77 times'],
  ])('%s', (_, weights, textTokens, tokensPerSecond, value, reason) => {
    expect(chooseTokens(weights, { textTokens, seconds: 600 }, tokensPerSecond)).toEqual({ value, reason });
  });
});
