/** docs/IMAGE.md says bytes and numbers; they are the ones that the code has. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { memorySource } from '../../../protocol/byte-source.js';
import { CBOR_LIMITS } from '../../../protocol/cbor-scan.js';
import { IMAGE_PREFIX, MAX_MANIFEST_BYTES, SECTION_ALIGNMENT } from '../../../protocol/image/image-layout.js';
import { openImage } from '../../../protocol/image/image-reader.js';
import { CONSTANTS } from '../../../protocol/image/model-shape.js';
import { verifyWeights } from '../../../protocol/image/weight-checks.js';
import { imageRefusal } from '../../helpers/image-refusal.js';
import { imageOf, tinyImage, TINY_SHAPE, tinySections } from '../../helpers/tiny-image.js';

const DOCUMENT = readFileSync(new URL('../../../docs/IMAGE.md', import.meta.url), 'utf8');
const [CONTAINER = ''] = /^offset\n[^]*?\n```$/m.exec(DOCUMENT) ?? [];

/** The bytes that a line of the container's picture shows: hex, and text in quotes. */
function bytesAt(offset: number): Buffer {
  const [, shown = ''] = new RegExp(`^${offset} +(.*?) {2,}`, 'm').exec(CONTAINER) ?? [];
  const [, hex = '', text = ''] = /^([0-9a-f ]*)(?:"(.*)")?$/.exec(shown) ?? [];
  return Buffer.concat([Buffer.from(hex.replaceAll(' ', ''), 'hex'), Buffer.from(text)]);
}

describe('docs/IMAGE.md', () => {
  test('pictures the first 16 bytes, each part at its offset', () => {
    const shown = [0, 3, 4, 13].map((offset) => ({ offset, bytes: bytesAt(offset) }));
    expect(Buffer.concat(shown.map(({ bytes }) => bytes)).equals(IMAGE_PREFIX)).toBe(true);
    const misplaced = shown.filter(
      ({ offset, bytes }) => !bytes.equals(IMAGE_PREFIX.subarray(offset, offset + bytes.length)),
    );
    expect(misplaced).toEqual([]);
  });

  test('says what manifest and seal start with', () => {
    const image = tinyImage();
    expect(bytesAt(272).equals(image.subarray(272, 273))).toBe(true);
    expect(image[openImage(memorySource(image)).sealedLength]).toBe(0xa1);
    expect(CONTAINER).toMatch(/^ +a1 \/ a3 +element 13: the seal/m);
  });

  test.each([
    ['starts at a multiple of 4,096', SECTION_ALIGNMENT],
    ['The manifest is at most 65,536 bytes', MAX_MANIFEST_BYTES],
    ['at most 4,096 items', CBOR_LIMITS.items],
    ['65,536 bytes of text', CBOR_LIMITS.textBytes],
    ['depth ≤ 8', CBOR_LIMITS.depth],
    ['a head block of 16 constants', CONSTANTS],
  ])('gives the limit in "%s"', (text, limit) => {
    expect(DOCUMENT).toContain(text);
    expect(text).toContain(limit.toLocaleString('en-US'));
  });

  const vectors = [...DOCUMENT.matchAll(/`([0-9a-f]{2})`(?: \((\d+)\))? = ([−+01 ]+)[;.]/g)].map(
    ([, hex = '', decimal, digits = '']) => ({ byte: Number.parseInt(hex, 16), hex, decimal, digits }),
  );

  test('shows at least six bytes of weights', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(6);
  });

  test.each(vectors)('packs $digits into $hex', ({ byte, decimal, digits }) => {
    const weights = digits.split(' ').map((digit) => Number(digit.replace('−', '-')));
    expect(weights).toHaveLength(5);
    expect(weights.reduce((sum, weight, row) => sum + (weight + 1) * 3 ** row, 0)).toBe(byte);
    expect(Number(decimal ?? byte)).toBe(byte);

    // As the first five rows of the first matrix it is accepted; a group whose last four rows are missing has less
    // choice.
    const code = (at: number): string | undefined => {
      const sections = tinySections(1, { ...TINY_SHAPE, vocabSize: 6 });
      sections.ternary[at] = byte;
      const source = memorySource(imageOf(sections));
      return imageRefusal(() => verifyWeights(source, openImage(source)))?.code;
    };
    const last = tinySections(1, { ...TINY_SHAPE, vocabSize: 6 }).ternary.length - 1;
    const isZeroBelow = weights.slice(1).every((weight) => weight === 0);
    expect([code(0), code(last)]).toEqual([undefined, isZeroBelow ? undefined : 'image-bad-weights']);
  });
});
