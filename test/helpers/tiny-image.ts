/**
 * Weight images small enough to try every byte of: legal random contents from a seed, and the file around them.
 *
 * The self-test is made up unless one is given.
 */

import { createHash } from 'node:crypto';

import { imageInMemory, type ImageFrame } from '../../model/pack/image-in-memory.js';
import { MODEL_PROGRAM } from '../../model/program/model-program.js';
import type { SelfTest } from '../../protocol/image/manifest.js';
import { CONSTANTS } from '../../protocol/image/model-shape.js';
import { sectionLengths } from '../../protocol/image/tensors.js';
import type { ModelSections, ModelShape } from '../../protocol/image/model-shape.js';
import { tablesSection } from '../../protocol/image/tables.js';
import { randomModel } from '../oracle/random-model.js';

/** No size is a multiple of 5, H is odd: every kind of padding occurs. */
export const TINY_SHAPE: ModelShape = {
  vocabSize: 7,
  hiddenSize: 5,
  intermediateSize: 3,
  layers: 2,
  bosTokenId: 1,
  eosTokenId: 2,
};

/** What an image holds beside the weights; made up unless given. */
export type TinyImageOptions = Partial<ImageFrame>;

/** Legal random contents for a shape; the same seed gives the same bytes. */
export function tinySections(seed = 1, shape: ModelShape = TINY_SHAPE): ModelSections {
  return randomModel(seed, { shape });
}

/** Legal contents without any variety, for shapes that would take long to draw: all weights 0, smallest scales. */
export function zeroSections(shape: ModelShape): ModelSections {
  const lengths = sectionLengths(shape);
  const view = new DataView(new ArrayBuffer(lengths.vectors));
  const layerValues = CONSTANTS + 9 * shape.hiddenSize + shape.intermediateSize;
  view.setInt16(2, 2 ** 14, true);
  for (let layer = 0; layer < shape.layers; layer++) {
    const first = CONSTANTS + 2 * shape.hiddenSize + layer * layerValues;
    for (let product = 0; product < 6; product++) view.setInt16(2 * (first + 2 * product), 2 ** 14, true);
  }
  return {
    shape,
    tables: tablesSection(),
    vectors: new Uint8Array(view.buffer),
    embedding: new Uint8Array(lengths.embedding),
    ternary: new Uint8Array(lengths.ternary).fill(121),
  };
}

/** The whole file around given contents. */
export function imageOf(sections: ModelSections, options: TinyImageOptions = {}): Uint8Array {
  const tokenizer = new TextEncoder().encode('{"version":"1.0"}');
  const selfTest = madeUpSelfTest(sections.shape);
  return imageInMemory(sections, { name: 'tiny', program: MODEL_PROGRAM, tokenizer, selfTest, ...options });
}

/** A small image: `imageOf(tinySections(seed))`. */
export function tinyImage(seed = 1, options: TinyImageOptions = {}): Uint8Array {
  return imageOf(tinySections(seed), options);
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

function madeUpSelfTest({ bosTokenId, vocabSize }: ModelShape): SelfTest {
  return {
    prompt: Uint32Array.of(bosTokenId, 0),
    tokens: Uint32Array.of(vocabSize - 1, 0, 1),
    receipts: Uint32Array.of(0xffff_ffff, 0, 0x8000_0000, 1),
  };
}
