/**
 * Where everything in a weight image lies, and the bytes between the contents: one answer for writer and reader.
 *
 * docs/IMAGE.md, section 1. The layout follows from the shape and two lengths, so a reader can compare what it finds
 * with what it must find, byte for byte.
 */

import { BOOT_RECORD_BYTES } from './boot-record.js';
import type { SectionPlace } from './boot-record.js';
import { imageTooLarge, outOfLimits } from './image-error.js';
import { sealBytes } from './image-seal.js';
import { MODEL_LIMITS, SECTION_NAMES } from './model-shape.js';
import { sectionLengths } from './tensors.js';
import type { ModelShape, SectionName } from './model-shape.js';

/** Every section's content starts at a multiple of this. */
export const SECTION_ALIGNMENT = 4_096;

/** Offset of the boot record. */
export const BOOT_RECORD_OFFSET = 16;

/** Offset of the manifest. */
export const MANIFEST_OFFSET = BOOT_RECORD_OFFSET + BOOT_RECORD_BYTES;

/** Largest manifest, in bytes. */
export const MAX_MANIFEST_BYTES = 65_536;

/** Largest file: its length is a u32. */
const MAX_IMAGE_BYTES = 2 ** 32 - 1;

/** The bytes in front of the boot record: tag 55799, an array of 14, "mmfree/1", the head of a 256-byte string. */
export const IMAGE_PREFIX = new Uint8Array([
  0xd9, 0xd9, 0xf7, 0x8e, 0x68, 0x6d, 0x6d, 0x66, 0x72, 0x65, 0x65, 0x2f, 0x31, 0x59, 0x01, 0x00,
]);

/** What the layout follows from. Lengths in bytes. */
export interface LayoutInput {
  readonly shape: ModelShape;
  readonly manifestLength: number;
  readonly tokenizerLength: number;
  readonly signed: boolean;
}

/** Offsets in the file, in bytes. */
export interface ImageLayout {
  readonly manifestEnd: number;
  readonly sections: Readonly<Record<SectionName, SectionPlace>>;
  /** Also the number of bytes that the seal's hash covers. */
  readonly sealOffset: number;
  readonly fileLength: number;
}

/**
 * The layout of an image.
 *
 * @throws ImageError `image-out-of-limits` or `image-too-large`
 */
export function layoutImage(input: LayoutInput): ImageLayout {
  checkShape(input.shape);
  if (input.manifestLength > MAX_MANIFEST_BYTES) {
    throw imageTooLarge('the manifest', input.manifestLength, MAX_MANIFEST_BYTES);
  }
  const lengths = { ...sectionLengths(input.shape), tokenizer: input.tokenizerLength };
  const manifestEnd = MANIFEST_OFFSET + input.manifestLength;
  let end = manifestEnd;
  const place = (name: SectionName): SectionPlace => {
    const offset = end + gapLength(end, lengths[name]);
    end = offset + lengths[name];
    return { offset, length: lengths[name] };
  };
  const sections = {
    tables: place('tables'),
    vectors: place('vectors'),
    embedding: place('embedding'),
    ternary: place('ternary'),
    tokenizer: place('tokenizer'),
  };
  const fileLength = end + sealBytes(input.signed);
  if (fileLength > MAX_IMAGE_BYTES) throw imageTooLarge('the image', fileLength, MAX_IMAGE_BYTES);
  return { manifestEnd, sections, sealOffset: end, fileLength };
}

/** The bytes in front of a section's content: a byte string of zeros, then the head of the section's byte string. */
export function gapBefore(layout: ImageLayout, name: SectionName): Uint8Array {
  const section = layout.sections[name];
  const before = SECTION_NAMES[SECTION_NAMES.indexOf(name) - 1];
  const start =
    before === undefined ? layout.manifestEnd : layout.sections[before].offset + layout.sections[before].length;
  const gap = new Uint8Array(section.offset - start);
  const head = byteStringHead(section.length);
  gap.set(byteStringHead(zerosIn(gap.length - head.length)));
  gap.set(head, gap.length - head.length);
  return gap;
}

/** Whether the arithmetic is defined for the sizes. @throws ImageError `image-out-of-limits` */
export function checkShape(shape: ModelShape): void {
  const lastToken = shape.vocabSize - 1;
  const limits = [
    ['vocab_size', shape.vocabSize, 2, MODEL_LIMITS.vocabSize],
    ['hidden_size', shape.hiddenSize, 1, MODEL_LIMITS.hiddenSize],
    ['intermediate_size', shape.intermediateSize, 1, MODEL_LIMITS.intermediateSize],
    ['layers', shape.layers, 1, MODEL_LIMITS.layers],
    ['bos_token_id', shape.bosTokenId, 0, lastToken],
    ['eos_token_id', shape.eosTokenId, 0, lastToken],
  ] as const;
  for (const [what, value, smallest, largest] of limits) {
    const isWithin = Number.isInteger(value) && value >= smallest && value <= largest;
    if (!isWithin) throw outOfLimits(what, value, smallest, largest);
  }
}

/** Bytes from `start` to the content of a section of `length` bytes. */
function gapLength(start: number, length: number): number {
  const headLength = byteStringHead(length).length;
  const untilAligned = (SECTION_ALIGNMENT - ((start + headLength) % SECTION_ALIGNMENT)) % SECTION_ALIGNMENT;
  // Between the lengths of two kinds of head (and at 0) lies a length that no byte string has.
  const paddingLength = hasByteString(untilAligned) ? untilAligned : untilAligned + SECTION_ALIGNMENT;
  return paddingLength + headLength;
}

function hasByteString(encodedLength: number): boolean {
  return encodedLength > 0 && byteStringHead(zerosIn(encodedLength)).length + zerosIn(encodedLength) === encodedLength;
}

/** Zeros in a padding whose encoding has `encodedLength` bytes, head included. */
function zerosIn(encodedLength: number): number {
  return encodedLength - (encodedLength <= 24 ? 1 : encodedLength <= 257 ? 2 : 3);
}

/** The shortest head of a byte string. */
function byteStringHead(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(0x40 | length);
  if (length < 2 ** 8) return Uint8Array.of(0x58, length);
  if (length < 2 ** 16) return Uint8Array.of(0x59, length >>> 8, length);
  return Uint8Array.of(0x5a, length >>> 24, length >>> 16, length >>> 8, length);
}
