/**
 * The boot record: 256 bytes at a fixed offset that lead a machine without a CBOR parser to every section.
 *
 * docs/IMAGE.md, section 2. All fields are u32 little-endian unless noted.
 */

import { crc32 } from '../crc32.js';
import { imageDamaged, inconsistentImage, notAnImage, unsupportedVersion } from './image-error.js';
import { SECTION_NAMES } from './model-shape.js';
import type { ModelShape, SectionName } from './model-shape.js';

/** Size of the record. */
export const BOOT_RECORD_BYTES = 256;

/** Most words of a program. */
export const PROGRAM_WORDS = 86;

/** Where a section's content lies in the file, in bytes. */
export interface SectionPlace {
  readonly offset: number;
  readonly length: number;
}

/** What the record says. */
export interface BootRecord {
  readonly shape: ModelShape;
  /** Length of the whole file. */
  readonly fileLength: number;
  readonly sections: Readonly<Record<SectionName, SectionPlace>>;
  /** Of the model, for boards that refuse to go back to an older one. */
  readonly revision: number;
  /**
   * Of the gateware (docs/GATEWARE.md, section 4): words of 16 bits, at most {@link PROGRAM_WORDS}, none of them 0;
   * none in older images.
   */
  readonly program: readonly number[];
}

const MAGIC = 0x42464d4d; // "MMFB"
const VERSION = 1;
/** Where its fields begin, in bytes. */
export const BOOT_RECORD_FIELDS = {
  magic: 0,
  version: 4,
  size: 6,
  shape: 8,
  fileLength: 32,
  sections: 36,
  revision: 76,
  program: 80,
  crc: 252,
} as const;

/** The fields of a shape in the order of the record. */
export const SHAPE_FIELDS = [
  'vocabSize',
  'hiddenSize',
  'intermediateSize',
  'layers',
  'bosTokenId',
  'eosTokenId',
] as const satisfies readonly (keyof ModelShape)[];

/**
 * The 256 bytes of a record. Every number must be an integer from 0 to 2³²−1.
 *
 * @throws RangeError if the program is too long or has a word that is 0 or wider than 16 bits
 */
export function encodeBootRecord(record: BootRecord): Uint8Array {
  const { program } = record;
  if (
    program.length > PROGRAM_WORDS ||
    !program.every((word) => Number.isInteger(word) && word > 0 && word < 2 ** 16)
  ) {
    throw new RangeError(`a program has at most ${PROGRAM_WORDS} words of 16 bits that are not 0`);
  }
  const view = new DataView(new ArrayBuffer(BOOT_RECORD_BYTES));
  const bytes = new Uint8Array(view.buffer);
  view.setUint32(BOOT_RECORD_FIELDS.magic, MAGIC, true);
  view.setUint16(BOOT_RECORD_FIELDS.version, VERSION, true);
  view.setUint16(BOOT_RECORD_FIELDS.size, BOOT_RECORD_BYTES, true);
  SHAPE_FIELDS.forEach((field, index) =>
    view.setUint32(BOOT_RECORD_FIELDS.shape + 4 * index, record.shape[field], true),
  );
  view.setUint32(BOOT_RECORD_FIELDS.fileLength, record.fileLength, true);
  SECTION_NAMES.forEach((name, index) => {
    view.setUint32(BOOT_RECORD_FIELDS.sections + 8 * index, record.sections[name].offset, true);
    view.setUint32(BOOT_RECORD_FIELDS.sections + 8 * index + 4, record.sections[name].length, true);
  });
  view.setUint32(BOOT_RECORD_FIELDS.revision, record.revision, true);
  program.forEach((word, index) => view.setUint16(BOOT_RECORD_FIELDS.program + 2 * index, word, true));
  view.setUint32(BOOT_RECORD_FIELDS.crc, crc32(bytes.subarray(0, BOOT_RECORD_FIELDS.crc)), true);
  return bytes;
}

/**
 * Reads a record. The numbers in it are as they are: whether they fit a model and a file is for the caller to check.
 *
 * @param bytes 256 of them
 * @throws ImageError `not-an-image`, `image-damaged`, `image-unsupported-version` or `image-inconsistent`
 */
export function decodeBootRecord(bytes: Uint8Array): BootRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, BOOT_RECORD_BYTES);
  const u32 = (offset: number): number => view.getUint32(offset, true);
  if (u32(BOOT_RECORD_FIELDS.magic) !== MAGIC) throw notAnImage();
  if (u32(BOOT_RECORD_FIELDS.crc) !== crc32(bytes.subarray(0, BOOT_RECORD_FIELDS.crc)))
    throw imageDamaged('boot record');
  const version = view.getUint16(BOOT_RECORD_FIELDS.version, true);
  if (version !== VERSION) throw unsupportedVersion(`mmfree/${version}`);
  if (view.getUint16(BOOT_RECORD_FIELDS.size, true) !== BOOT_RECORD_BYTES)
    throw inconsistentImage('the boot record gives another size');
  const words = Array.from({ length: PROGRAM_WORDS }, (_, index) =>
    view.getUint16(BOOT_RECORD_FIELDS.program + 2 * index, true),
  );
  const end = words.indexOf(0);
  const program = end < 0 ? words : words.slice(0, end);
  if (words.slice(program.length).some((word) => word !== 0)) {
    throw inconsistentImage('something follows the end of the program in the boot record');
  }
  const place = (name: SectionName): SectionPlace => {
    const at = BOOT_RECORD_FIELDS.sections + 8 * SECTION_NAMES.indexOf(name);
    return { offset: u32(at), length: u32(at + 4) };
  };
  return {
    shape: {
      vocabSize: u32(BOOT_RECORD_FIELDS.shape),
      hiddenSize: u32(BOOT_RECORD_FIELDS.shape + 4),
      intermediateSize: u32(BOOT_RECORD_FIELDS.shape + 8),
      layers: u32(BOOT_RECORD_FIELDS.shape + 12),
      bosTokenId: u32(BOOT_RECORD_FIELDS.shape + 16),
      eosTokenId: u32(BOOT_RECORD_FIELDS.shape + 20),
    },
    fileLength: u32(BOOT_RECORD_FIELDS.fileLength),
    sections: {
      tables: place('tables'),
      vectors: place('vectors'),
      embedding: place('embedding'),
      ternary: place('ternary'),
      tokenizer: place('tokenizer'),
    },
    revision: u32(BOOT_RECORD_FIELDS.revision),
    program,
  };
}
