import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { zeroState, MAX_STATE_WORD, stateProblem } from '../../../protocol/state/sequence-state.js';
import { StateError } from '../../../protocol/state/state-error.js';
import { decodeState, encodeState, expectStateOf, type SavedState } from '../../../protocol/state/state-file.js';
import { count, figureOfCases } from '../../helpers/counts.js';
import { crc32 } from '../../oracle/crc32.js';

const SHAPE = { vocabSize: 300, hiddenSize: 3, intermediateSize: 7, layers: 2 };
const IMAGE = Uint8Array.from({ length: 32 }, (_, index) => index);

const SAVED: SavedState = {
  image: IMAGE,
  shape: SHAPE,
  state: {
    position: 3,
    lastReceipt: 0xfedcba98,
    chosen: 299,
    nextDraw: 2,
    words: Int32Array.of(0, 1, -1, MAX_STATE_WORD, -MAX_STATE_WORD, 12_345),
  },
  sampler: { topK: 40, invTemperature: 1847, topP: 31_130, seedLow: 1, seedHigh: 0xffff_ffff },
  held: {
    hasBegun: true,
    stripLeft: 0,
    text: Uint8Array.of(0x0a, 0x55, 0x73),
    run: Uint8Array.of(0xe2, 0x82),
    isRunBroken: false,
  },
  tokens: Uint32Array.of(0, 299, 17),
};

/** The code with which `run` refuses a state; undefined if it takes it. Any other error fails the test. */
function refusal(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof StateError) return error.code;
    throw error;
  }
}

/** The file with other bytes in one place and both checksums corrected. */
function edited(at: number, ...bytes: number[]): Uint8Array {
  const file = encodeState(SAVED);
  file.set(bytes, at);
  const view = new DataView(file.buffer);
  view.setUint32(124, crc32(file.subarray(0, 124)), true);
  view.setUint32(file.length - 4, crc32(file.subarray(0, -4)), true);
  return file;
}

const u32 = (value: number): number[] => [...new Uint8Array(Uint32Array.of(value).buffer)];

describe('a saved state', () => {
  figureOfCases('states: kinds of damage to a saved state, each refused by name, and what is kept');

  test('comes back as it was', () => {
    expect(decodeState(encodeState(SAVED))).toEqual(SAVED);
    const bare = { image: IMAGE, shape: SHAPE, state: zeroState(SHAPE) };
    expect(decodeState(encodeState(bare))).toEqual(bare);
  });

  test('of any content comes back as it was, and has one file', () => {
    const u = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
    const saved = fc
      .record({
        layers: fc.integer({ min: 1, max: 4 }),
        hiddenSize: fc.integer({ min: 1, max: 9 }),
        vocabSize: fc.integer({ min: 2, max: 65_536 }),
        position: fc.integer({ min: 1, max: 12 }),
      })
      .chain(({ layers, hiddenSize, vocabSize, position }) =>
        fc.record({
          image: fc.uint8Array({ minLength: 32, maxLength: 32 }),
          shape: fc.constant({ layers, hiddenSize, vocabSize, intermediateSize: 5 }),
          state: fc.record({
            position: fc.constant(position),
            lastReceipt: fc.option(u(0xffff_ffff), { nil: undefined }),
            chosen: fc.option(u(vocabSize - 1), { nil: undefined }),
            nextDraw: fc.integer({ min: 1, max: position }),
            words: fc.int32Array({
              minLength: layers * hiddenSize,
              maxLength: layers * hiddenSize,
              min: -MAX_STATE_WORD,
              max: MAX_STATE_WORD,
            }),
          }),
          tokens: fc
            .array(u(vocabSize - 1), { minLength: position, maxLength: position })
            .map((ids) => Uint32Array.from(ids)),
        }),
      );
    fc.assert(
      fc.property(saved, (value) => {
        const file = encodeState(value);
        const back = decodeState(file);
        expect(back).toEqual(value);
        expect(encodeState(back)).toEqual(file);
      }),
      { numRuns: count(100, 10_000) },
    );
  });

  test('that is cut anywhere is refused', () => {
    const file = encodeState(SAVED);
    const codes = Array.from({ length: file.length }, (_, end) => refusal(() => decodeState(file.subarray(0, end))));
    expect(new Set(codes.slice(0, 4))).toEqual(new Set(['not-a-state']));
    expect(new Set(codes.slice(4))).toEqual(new Set(['state-damaged']));
    expect(refusal(() => decodeState(Uint8Array.of(...file, 0)))).toBe('state-damaged');
  });

  test('of which any bit is flipped is refused', () => {
    const file = encodeState(SAVED);
    const codes = new Set<string | undefined>();
    for (let bit = 0; bit < 8 * file.length; bit++) {
      const damaged = file.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      codes.add(refusal(() => decodeState(damaged)));
    }
    expect(codes).toEqual(new Set(['not-a-state', 'state-damaged']));
  });

  test.each([
    ['another version', 4, [2, 0], 'state-unsupported-version'],
    ['another size of the head', 6, [64, 0], 'state-impossible'],
    ['another length', 8, u32(0), 'state-damaged'],
    ['unknown parts', 12, u32(63), 'state-impossible'],
    ['a vocabulary of one', 48, u32(1), 'state-impossible'],
    ['a vocabulary beyond the limits', 48, u32(65_537), 'state-impossible'],
    ['no channels', 52, u32(0), 'state-impossible'],
    ['too many channels', 52, u32(8_193), 'state-impossible'],
    ['other channels', 52, u32(4), 'state-impossible'],
    ['an intermediate size beyond the limits', 56, u32(8_193), 'state-impossible'],
    ['too many layers', 60, u32(257), 'state-impossible'],
    ['another position than tokens', 64, u32(4), 'state-impossible'],
    ['the largest position', 64, u32(0xffff_ffff), 'state-impossible'],
    ['a chosen token beyond the vocabulary', 72, u32(300), 'state-impossible'],
    ['more draws than tokens', 76, u32(4), 'state-impossible'],
    ['a chosen token and no draw', 76, u32(0), 'state-impossible'],
    ['top-k 0', 80, u32(0), 'state-impossible'],
    ['top-k 65', 80, u32(65), 'state-impossible'],
    ['a temperature below 0.05', 84, u32(29_547), 'state-impossible'],
    ['top-p 0', 88, u32(0), 'state-impossible'],
    ['top-p above 1', 88, u32(32_769), 'state-impossible'],
    ['a text that has begun twice', 100, u32(2), 'state-impossible'],
    ['held text of another length', 108, u32(8), 'state-impossible'],
    ['a run of another length', 112, u32(6), 'state-impossible'],
    ['the longest run', 112, u32(0xffff_ffff), 'state-impossible'],
    ['a run that is broken and goes on', 116, u32(1), 'state-impossible'],
    ['a run that is broken twice', 116, u32(2), 'state-impossible'],
    ['something in the places that are kept free', 120, [1], 'state-impossible'],
    ['a word beyond the bound', 128, u32(MAX_STATE_WORD + 1), 'state-impossible'],
    ['a word below the bound', 128, u32(-MAX_STATE_WORD - 1), 'state-impossible'],
    ['the smallest word', 132, u32(-(2 ** 31)), 'state-impossible'],
    ['a token beyond the vocabulary', 128 + 24, u32(300), 'state-impossible'],
    ['held text that is no UTF-8', 128 + 24 + 12, [0xff], 'state-impossible'],
    ['something behind what is held back', 128 + 24 + 12 + 5, [1], 'state-impossible'],
    ['a receipt that its parts deny', 12, u32(30), 'state-impossible'],
    ['a chosen token that its parts deny', 12, u32(29), 'state-impossible'],
    ['a sampler that its parts deny', 12, u32(27), 'state-impossible'],
    ['held text that its parts deny', 12, u32(23), 'state-impossible'],
    ['tokens that its parts deny', 12, u32(15), 'state-impossible'],
  ])('with %s and right checksums is refused', (_, at, bytes, code) => {
    expect(refusal(() => decodeState(edited(at, ...bytes)))).toBe(code);
  });

  test('belongs to its image', () => {
    expect(refusal(() => expectStateOf(SAVED, IMAGE, SHAPE))).toBeUndefined();
    expect(refusal(() => expectStateOf(SAVED, IMAGE.toReversed(), SHAPE))).toBe('state-other-image');
    expect(refusal(() => expectStateOf(SAVED, IMAGE, { ...SHAPE, layers: 3 }))).toBe('state-impossible');
  });

  test('that no machine can have reached is not written', () => {
    const { state } = SAVED;
    expect(() => encodeState({ ...SAVED, state: { ...state, chosen: 300 } })).toThrow(RangeError);
    expect(() => encodeState({ ...SAVED, tokens: Uint32Array.of(1) })).toThrow(RangeError);
    expect(() => encodeState({ ...SAVED, image: Uint8Array.of(1) })).toThrow(RangeError);
  });
});

test.each([
  ['half a position', { position: 0.5 }],
  ['a position beyond 32 bits', { position: 2 ** 32 }],
  ['a negative receipt', { lastReceipt: -1 }],
  ['half a token', { chosen: 0.5 }],
  ['too few words', { words: new Int32Array(5) }],
  ['words before the first token', { position: 0, nextDraw: 0, chosen: undefined, lastReceipt: undefined }],
  ['a receipt before the first token', { ...zeroState(SHAPE), lastReceipt: 1 }],
])('a state with %s is none', (_, change) => {
  expect(stateProblem({ ...SAVED.state, ...change }, SHAPE)).toBeDefined();
});
