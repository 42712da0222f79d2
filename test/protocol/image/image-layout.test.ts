import { encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { gapBefore, layoutImage, MAX_MANIFEST_BYTES, SECTION_ALIGNMENT } from '../../../protocol/image/image-layout.js';
import { SECTION_NAMES } from '../../../protocol/image/model-shape.js';
import { ternaryWeights } from '../../../protocol/image/tensors.js';
import { imageRefusal } from '../../helpers/image-refusal.js';
import { TINY_SHAPE } from '../../helpers/tiny-image.js';

const INPUT = { shape: TINY_SHAPE, manifestLength: 700, tokenizerLength: 16, signed: false };

/** The shape of the largest published checkpoint, MMfreeLM-2.7B. */
const LARGEST_PUBLISHED = {
  vocabSize: 32_000,
  hiddenSize: 2_560,
  intermediateSize: 6_912,
  layers: 32,
  bosTokenId: 1,
  eosTokenId: 2,
};

/** Bytes of a byte string in CBOR, its head included. */
function encodedLength(length: number): number {
  return length + (length < 24 ? 1 : length < 256 ? 2 : length < 65_536 ? 3 : 5);
}

describe('layoutImage', () => {
  test('aligns every content, and leaves between contents a shortest byte string of zeros and the head', () => {
    const input = fc.record({ manifestLength: fc.nat(9000), tokenizerLength: fc.nat(70_000), signed: fc.boolean() });
    fc.assert(
      fc.property(input, (sizes) => {
        const layout = layoutImage({ shape: TINY_SHAPE, ...sizes });
        let end = 272 + sizes.manifestLength;
        for (const name of SECTION_NAMES) {
          const { offset, length } = layout.sections[name];
          const headLength = encodedLength(length) - length;
          let zeros = 0;
          while ((end + encodedLength(zeros) + headLength) % 4096 !== 0) zeros++;
          const head = encode(new Uint8Array(length)).subarray(0, headLength);
          const expected = Buffer.concat([encode(new Uint8Array(zeros)), head]);
          expect(expected.equals(gapBefore(layout, name))).toBe(true);
          expect(offset).toBe(end + expected.length);
          end = offset + length;
        }
        expect(layout.sealOffset).toBe(end);
      }),
    );
  });

  // Before `tables` lie the manifest, the padding and a head of three bytes; a padding has 1 … 24, 26 … 257 or 259 …
  // bytes.
  test.each([
    [1, 1],
    [24, 24],
    [25, 25 + SECTION_ALIGNMENT],
    [26, 26],
    [257, 257],
    [258, 258 + SECTION_ALIGNMENT],
    [259, 259],
    [4096, 4096],
  ])('fills %i bytes with a padding of %i', (missing, expected) => {
    const manifestLength = 2 * SECTION_ALIGNMENT - 272 - 3 - missing;
    const layout = layoutImage({ ...INPUT, manifestLength });
    expect(gapBefore(layout, 'tables')).toHaveLength(expected + 3);
    expect(layout.sections.tables.offset % SECTION_ALIGNMENT).toBe(0);
  });

  test('holds the largest published model in 608 MB, its ternary weights at 1.6 bits', () => {
    const { fileLength, sections } = layoutImage({ ...INPUT, shape: LARGEST_PUBLISHED });
    expect(Math.round(fileLength / 1e6)).toBe(608);
    expect((8 * sections.ternary.length) / ternaryWeights(LARGEST_PUBLISHED)).toBeCloseTo(1.6, 3);
  });

  test.each([
    ['vocab_size', { vocabSize: 1 }],
    ['vocab_size', { vocabSize: 65_537 }],
    ['hidden_size', { hiddenSize: 0 }],
    ['hidden_size', { hiddenSize: 8_193 }],
    ['hidden_size', { hiddenSize: 5.5 }],
    ['intermediate_size', { intermediateSize: 0 }],
    ['intermediate_size', { intermediateSize: 8_193 }],
    ['layers', { layers: 0 }],
    ['layers', { layers: 257 }],
    ['bos_token_id', { bosTokenId: 7 }],
    ['bos_token_id', { bosTokenId: -1 }],
    ['eos_token_id', { eosTokenId: 7 }],
  ])('refuses a shape beyond the limits of %s: %j', (key, change) => {
    const error = imageRefusal(() => layoutImage({ ...INPUT, shape: { ...TINY_SHAPE, ...change } }));
    expect([error?.code, error?.facts.key]).toEqual(['image-out-of-limits', key]);
  });

  test('refuses a manifest above its limit', () => {
    expect(imageRefusal(() => layoutImage({ ...INPUT, manifestLength: MAX_MANIFEST_BYTES }))).toBeUndefined();
    const error = imageRefusal(() => layoutImage({ ...INPUT, manifestLength: MAX_MANIFEST_BYTES + 1 }));
    expect(error?.code).toBe('image-too-large');
  });

  test('refuses a file whose length does not fit 32 bits', () => {
    const start = layoutImage({ ...INPUT, tokenizerLength: 2 ** 31 }).fileLength - 2 ** 31;
    const tokenizerLength = 2 ** 32 - 1 - start;
    expect(layoutImage({ ...INPUT, tokenizerLength }).fileLength).toBe(2 ** 32 - 1);
    const error = imageRefusal(() => layoutImage({ ...INPUT, tokenizerLength: tokenizerLength + 1 }));
    expect(error?.code).toBe('image-too-large');
  });
});
