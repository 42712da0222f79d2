import { describe, expect, it } from 'vitest';

import { readSections, writeSections } from './integer-model.js';
import { EXTREME_MODELS, randomModel } from './random-model.js';

const TINY = { hiddenSize: 1, intermediateSize: 1, vocabSize: 5, layers: 1 };

describe('sections of IMAGE.md', () => {
  // The examples of docs/IMAGE.md, section 4; the head is the last matrix, here one byte.
  it.each([
    [0x00, [-1, -1, -1, -1, -1]],
    [0x79, [0, 0, 0, 0, 0]],
    [0xf2, [1, 1, 1, 1, 1]],
    [0x7a, [1, 0, 0, 0, 0]],
    [0xca, [0, 0, 0, 0, 1]],
    [0x28, [0, 0, 0, 0, -1]],
  ])('hold the five rows of byte %i', (byte, trits) => {
    const sections = randomModel(1, {
      shape: TINY,
      trit: (_, product, row) => (product === 'head' ? (trits[row] ?? 0) : 0),
    });
    expect(sections.ternary.at(-1)).toBe(byte);
    expect([...readSections(sections).head.matrix.trits]).toEqual(trits);
  });

  it('fill missing rows with zeros', () => {
    const sections = randomModel(1, { shape: { ...TINY, vocabSize: 2 }, trit: () => 1 });
    expect(sections.ternary.at(-1)).toBe(1 + 3 + 121);
  });

  it.each(Object.entries(EXTREME_MODELS).filter(([title]) => !title.startsWith('longest')))(
    'survive reading and writing: %s',
    (_, recipe) => {
      const sections = randomModel(3, recipe);
      expect(writeSections(readSections(sections))).toEqual(sections);
    },
  );

  it.each([
    ['a weight byte above 242', 'ternary', -1, 243],
    ['a weight in a missing row', 'ternary', -1, 242],
    ['mm below 2^14', 'vectors', 3, 0x3f],
    ['mm of 2^15', 'vectors', 3, 0x80],
    ['a nonzero unused constant', 'vectors', 6, 1],
    ['a table that differs', 'tables', 100, 0xff],
    ['an embedding pad byte that is not 0', 'embedding', -1, 1],
    ['a row scale above 32767', 'embedding', 1, 0x80],
  ] as const)('refuse %s', (_, section, offset, value) => {
    const sections = randomModel(1, { shape: { ...TINY, vocabSize: 2 } });
    const bytes = sections[section].slice();
    bytes[offset < 0 ? bytes.length + offset : offset] = value;
    expect(() => readSections({ ...sections, [section]: bytes })).toThrow(RangeError);
  });

  it.each(['tables', 'vectors', 'embedding', 'ternary'] as const)(
    'refuse a byte too many or too few in %s',
    (section) => {
      const sections = randomModel(1, { shape: TINY });
      const bytes = sections[section];
      expect(() => readSections({ ...sections, [section]: Uint8Array.of(...bytes, 0) })).toThrow(RangeError);
      expect(() => readSections({ ...sections, [section]: bytes.subarray(1) })).toThrow(RangeError);
    },
  );
});

describe('random models', () => {
  it('repeat with their seed and change with it', () => {
    expect(randomModel(5)).toEqual(randomModel(5));
    expect(randomModel(5).ternary).not.toEqual(randomModel(6).ternary);
  });
});
