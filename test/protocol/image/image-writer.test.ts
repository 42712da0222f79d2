import { decode } from 'cborg';
import { describe, expect, test } from 'vitest';

import { decodeBootRecord } from '../../../protocol/image/boot-record.js';
import { memorySource } from '../../../protocol/byte-source.js';
import { openImage } from '../../../protocol/image/image-reader.js';
import { imageHead, planImage } from '../../../protocol/image/image-writer.js';
import type { ImageFindings, ImageOutline } from '../../../protocol/image/image-writer.js';
import { SECTION_NAMES } from '../../../protocol/image/model-shape.js';
import { imageRefusal } from '../../helpers/image-refusal.js';
import { rawImage } from '../../helpers/raw-image.js';
import { sha256, tinyImage, tinySections, TINY_SHAPE } from '../../helpers/tiny-image.js';

const OUTLINE: ImageOutline = {
  name: 'tiny',
  model: { ...TINY_SHAPE, rmsNormEps: '1e-06', useLowerBound: true },
  revision: 0,
  program: [],
  dtypes: 'F32',
  packer: 'mmfree/1',
  tokenizerLength: 0,
  promptLength: 2,
  continuationLength: 1,
  signed: false,
};

const hash = sha256(new Uint8Array(0));
const FINDINGS: ImageFindings = {
  checkpointSha256: hash,
  sectionSha256: { tables: hash, vectors: hash, embedding: hash, ternary: hash, tokenizer: hash },
  selfTest: { prompt: Uint32Array.of(1, 2), tokens: Uint32Array.of(3), receipts: Uint32Array.of(4, 5) },
};

describe('an image', () => {
  test.each([1, 2, 3])('is byte for byte that of a naive writer (seed %i)', (seed) => {
    expect(Buffer.from(rawImage(tinySections(seed))).equals(tinyImage(seed))).toBe(true);
  });

  test('is one CBOR item of 14 elements to any decoder', () => {
    const elements: unknown[] = decode(tinyImage().subarray(3), { useMaps: true, strict: true });
    expect(elements).toHaveLength(14);
    expect(elements[0]).toBe('mmfree/1');
    const sections = tinySections();
    const contents = [sections.tables, sections.vectors, sections.embedding, sections.ternary];
    expect([elements[4], elements[6], elements[8], elements[10]]).toEqual(contents);
  });

  test('can be read without a CBOR parser: the boot record leads to every content', () => {
    const image = tinyImage(1, { revision: 7, program: [1, 0xffff] });
    const sections = tinySections();
    const boot = decodeBootRecord(image.subarray(16, 272));
    const contents = SECTION_NAMES.map((name) => {
      const { offset, length } = boot.sections[name];
      expect(offset % 4096).toBe(0);
      return image.subarray(offset, offset + length);
    });
    expect(contents.slice(0, 4)).toEqual([sections.tables, sections.vectors, sections.embedding, sections.ternary]);
    const { shape, fileLength, revision, program } = boot;
    expect([shape, fileLength, revision, program]).toEqual([TINY_SHAPE, image.length, 7, [1, 0xffff]]);
  });

  test('without a tokenizer ends in an empty section', () => {
    const image = tinyImage(1, { tokenizer: new Uint8Array(0) });
    const view = openImage(memorySource(image));
    expect(view.sections.tokenizer).toEqual({ offset: view.sealedLength, length: 0 });
  });
});

describe('planImage', () => {
  test('refuses what no image can hold before anything is written', () => {
    const code = (change: Partial<ImageOutline>): string | undefined =>
      imageRefusal(() => planImage({ ...OUTLINE, ...change }))?.code;
    expect(code({})).toBeUndefined();
    expect(code({ name: 'x'.repeat(65) })).toBe('image-bad-manifest');
    expect(code({ promptLength: 0 })).toBe('image-bad-manifest');
    expect(code({ tokenizerLength: 2 ** 32 })).toBe('image-too-large');
    expect(code({ promptLength: 9000 })).toBe('image-too-large');
    expect(code({ model: { ...OUTLINE.model, hiddenSize: 8193 } })).toBe('image-out-of-limits');
  });
});

describe('imageHead', () => {
  test('fills the file up to the first content', () => {
    const plan = planImage(OUTLINE);
    expect(imageHead(plan, FINDINGS)).toHaveLength(plan.layout.sections.tables.offset);
  });

  test('refuses a self-test of another length than planned, even if it would fit', () => {
    const tokens = Uint32Array.of(3, 3);
    const selfTest = { prompt: Uint32Array.of(1, 2), tokens, receipts: Uint32Array.of(4, 5, 6) };
    expect(() => imageHead(planImage(OUTLINE), { ...FINDINGS, selfTest })).toThrow(RangeError);
  });
});
