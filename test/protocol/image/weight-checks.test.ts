import { describe, expect, test } from 'vitest';

import { memorySource } from '../../../protocol/byte-source.js';
import { openImage } from '../../../protocol/image/image-reader.js';
import { embeddingStride, ternaryBytes } from '../../../protocol/image/model-shape.js';
import type { ModelSections, SectionName } from '../../../protocol/image/model-shape.js';
import { verifyWeights, weightSteps } from '../../../protocol/image/weight-checks.js';
import { count } from '../../helpers/counts.js';
import { imageRefusal } from '../../helpers/image-refusal.js';
import { imageOf, tinySections, zeroSections } from '../../helpers/tiny-image.js';
import { EXTREME_MODELS, randomModel } from '../../oracle/random-model.js';

type Contents = Exclude<SectionName, 'tokenizer'>;

/** What is wrong with contents, whose hashes are right: `section offset: reason`, or undefined. */
function problem(sections: ModelSections): string | undefined {
  const source = memorySource(imageOf(sections));
  const error = imageRefusal(() => verifyWeights(source, openImage(source)));
  return error && `${String(error.facts.section)} ${String(error.facts.offset)}: ${error.reason}`;
}

/** The same contents with little-endian bytes replaced. */
function changed(sections: ModelSections, name: Contents, offset: number, ...bytes: number[]): ModelSections {
  const copy = sections[name].slice();
  copy.set(bytes, offset);
  return { ...sections, [name]: copy };
}

function int16(value: number): [number, number] {
  return [value & 0xff, (value >> 8) & 0xff];
}

// H 5, I 3, L 2: the head block has 26 values, a layer 64.
const TINY = tinySections();
const LAYER = 26;

/** In CI those around the last good one, and some others. */
const BYTES = Array.from({ length: 256 }, (_, byte) => byte).filter(
  (byte) => byte % count(15, 1) === 0 || (byte > 240 && byte < 246),
);

// Four bytes are looked at together, from the start of a piece that lies on a multiple of four in memory, or one by
// one.
test('finds any byte above 242, and no other, at any place of a word and behind the last one', () => {
  const shape = { vocabSize: 5, hiddenSize: 7, intermediateSize: 5, layers: 1, bosTokenId: 0, eosTokenId: 1 };
  const sections = zeroSections(shape);
  const { ternary: place } = openImage(memorySource(imageOf(sections))).sections;
  // The last matrix has full groups only: one of 7 bytes.
  const first = sections.ternary.length - 7;
  for (const shift of [0, 1, 2, 3]) {
    const image = imageOf(sections);
    const moved = new Uint8Array(image.length + shift).subarray(shift);
    moved.set(image);
    const source = memorySource(moved);
    const view = openImage(source);
    for (let at = first; at < first + 7; at++) {
      for (const byte of BYTES) {
        moved[place.offset + at] = byte;
        const offset = imageRefusal(() => verifyWeights(source, view))?.facts.offset;
        expect([byte, at, offset]).toEqual([byte, at, byte > 242 ? at : undefined]);
      }
      moved[place.offset + at] = 121;
    }
  }
});

describe('verifyWeights', () => {
  test.each([1, 2, 3, 4, 5])('accepts the random model %i', (seed) => {
    expect(problem(tinySections(seed))).toBeUndefined();
  });

  test.each(Object.keys(EXTREME_MODELS))('accepts the extreme model "%s"', (name) => {
    expect(problem(randomModel(1, EXTREME_MODELS[name]))).toBeUndefined();
  });

  test.each<[string, number, number, number]>([
    ['embeddingShift', 0, 0, 15],
    ['mm', 1, 16_384, 32_767],
    ['em', 2, -64, 24],
    ['an unused constant', 3, 0, 0],
    ['an unused constant', 15, 0, 0],
    ['finalNorm', 16, -32_767, 32_767],
    ['headGain', 25, -32_767, 32_767],
    ['mm', LAYER, 16_384, 32_767],
    ['em', LAYER + 11, -64, 24],
    ['gEpsShift', LAYER + 12, 0, 127],
    ['an unused constant', LAYER + 13, 0, 0],
    ['attnNorm', LAYER + 16, -32_767, 32_767],
    ['iGain', LAYER + 21, -32_767, 32_767],
    ['fGain', LAYER + 26, -32_767, 32_767],
    ['gGain', LAYER + 31, -32_767, 32_767],
    ['clb', LAYER + 36, 0, 32_767],
    ['clb', LAYER + 40, 0, 32_767],
    ['gNorm', LAYER + 41, -32_767, 32_767],
    ['oGain', LAYER + 46, -32_767, 32_767],
    ['mlpNorm', LAYER + 51, -32_767, 32_767],
    ['gateGain', LAYER + 56, -32_767, 32_767],
    ['downGain', LAYER + 61, -32_767, 32_767],
    ['downGain', LAYER + 63, -32_767, 32_767],
    ['gEpsShift', LAYER + 64 + 12, 0, 127],
    ['downGain', LAYER + 64 + 63, -32_767, 32_767],
  ])('holds %s (value %i) to %i … %i', (name, index, first, last) => {
    const withValue = (value: number): string | undefined =>
      problem(changed(TINY, 'vectors', 2 * index, ...int16(value)));
    expect([withValue(first), withValue(last)]).toEqual([undefined, undefined]);
    for (const value of [first - 1, last + 1, -32_768]) {
      const wraps = value > 32_767;
      const expected = `vectors ${2 * index}: ${name} is ${wraps ? -32_768 : value}, allowed is ${first} to ${last}.`;
      expect(withValue(value)?.toLowerCase()).toBe(expected.toLowerCase());
    }
  });

  test('refuses tables that differ from the formulas in any byte', () => {
    expect(problem(changed(TINY, 'tables', 0, 1))).toMatch(/^tables 0: /);
    expect(problem(changed(TINY, 'tables', 1025, 0))).toMatch(/^tables 1025: /);
  });

  test('refuses a row scale above 32767 and a last byte of an odd row that is not 0', () => {
    const stride = embeddingStride(TINY.shape);
    expect(problem(changed(TINY, 'embedding', 6 * stride, 0xff, 0x7f))).toBeUndefined();
    expect(problem(changed(TINY, 'embedding', 6 * stride, 0, 0x80))).toMatch(`embedding ${6 * stride}: `);
    expect(problem(changed(TINY, 'embedding', 7 * stride - 1, 1))).toMatch(`embedding ${7 * stride - 1}: `);
  });

  // A matrix of R rows whose last group lacks 5 − R mod 5 of them: the head, the last matrix, with V = 6 … 10.
  test.each([6, 7, 8, 9, 10])('accepts exactly the bytes that mean 0 in every missing row of %i', (vocabSize) => {
    const sections = tinySections(1, { ...TINY.shape, vocabSize });
    const rows = vocabSize - 5;
    const last = sections.ternary.length - 1;
    const accepted = Array.from({ length: 256 }, (_, byte) => byte).filter(
      (byte) => problem(changed(sections, 'ternary', last, byte)) === undefined,
    );
    const expected = Array.from({ length: 243 }, (_, byte) => byte).filter((byte) => {
      const digits = byte.toString(3).padStart(5, '0'); // the last row first
      return digits.startsWith('1'.repeat(5 - rows));
    });
    expect(accepted).toEqual(expected);
  });

  test.each([
    ['the first', 0],
    ['the last byte of the first layer', 4 * ternaryBytes(5, 5) + ternaryBytes(6, 5) + ternaryBytes(5, 3) - 1],
    ['the last', TINY.ternary.length - 1],
  ])('refuses a byte above 242 as %s', (_, offset) => {
    expect(problem(changed(TINY, 'ternary', offset, 243))).toMatch(`ternary ${offset}: Byte 243 `);
  });

  test('finds one wrong byte in megabytes, in small steps', () => {
    const shape = { vocabSize: 1003, hiddenSize: 2400, intermediateSize: 1, layers: 1, bosTokenId: 0, eosTokenId: 1 };
    const sections = zeroSections(shape);
    const source = memorySource(imageOf(sections));
    expect([...weightSteps(source, openImage(source))].length).toBeGreaterThan(9);

    // Behind the first mebibyte of section, matrix and rows.
    expect(problem(changed(sections, 'ternary', 1_100_000, 255))).toMatch('ternary 1100000: ');
    expect(problem(changed(sections, 'embedding', 700 * 2402 + 1, 0x80))).toMatch(`embedding ${700 * 2402}: `);
  });
});
