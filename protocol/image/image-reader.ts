/**
 * Opening an image that anyone may have made: every check of its structure, at the cost of a few small reads.
 *
 * docs/IMAGE.md, section 6, items 1 to 3 and the form of the seal. The contents are checked by `verifyHashes`,
 * `verifySignature` (image-hashes.ts) and `verifyWeights` (weight-checks.ts), which read the whole file.
 */

import { decodeBootRecord, SHAPE_FIELDS } from './boot-record.js';
import type { BootRecord, SectionPlace } from './boot-record.js';
import type { ByteSource } from '../byte-source.js';
import { CborError, scanCbor, scanCborItem } from '../cbor-scan.js';
import {
  hostileCbor,
  imageTruncated,
  inconsistentImage,
  notAnImage,
  trailingBytes,
  unsupportedVersion,
} from './image-error.js';
import { BOOT_RECORD_OFFSET, gapBefore, IMAGE_PREFIX, layoutImage, MANIFEST_OFFSET } from './image-layout.js';
import type { ImageLayout } from './image-layout.js';
import { decodeSeal } from './image-seal.js';
import type { ImageSeal } from './image-seal.js';
import { sameBytes } from '../little-endian.js';
import { decodeManifest } from './manifest.js';
import type { ImageManifest } from './manifest.js';
import { SECTION_NAMES } from './model-shape.js';
import type { ModelShape, SectionName } from './model-shape.js';

/** An image whose structure is sound. Offsets and lengths in bytes. */
export interface ImageView {
  readonly shape: ModelShape;
  readonly revision: number;
  /** Of the gateware; empty in an image without one. What it says is checked by `checkProgram` (model/program/). */
  readonly program: readonly number[];
  readonly manifest: ImageManifest;
  readonly sections: Readonly<Record<SectionName, SectionPlace>>;
  readonly seal: ImageSeal;
  /** The seal's hash covers the bytes from 0 to here; the seal follows. */
  readonly sealedLength: number;
  readonly fileLength: number;
}

/** Tag 55799: the item that it marks is scanned, itself it is checked as part of the prefix. */
const TAG_BYTES = 3;

/** The digit of "mmfree/1": a file that is the same up to here is of another version. */
const VERSION_AT = 12;

/**
 * Checks the structure of an image and reads its head and seal.
 *
 * @throws ImageError
 */
export function openImage(source: ByteSource): ImageView {
  checkPrefix(source);
  const boot = decodeBootRecord(source.read(BOOT_RECORD_OFFSET, MANIFEST_OFFSET - BOOT_RECORD_OFFSET).slice());
  if (source.length < boot.fileLength) throw imageTruncated(boot.fileLength - source.length);
  if (source.length > boot.fileLength) throw trailingBytes(source.length - boot.fileLength);
  try {
    return openContainer(source, boot);
  } catch (error) {
    throw error instanceof CborError ? hostileCbor(error.message, error.offset, error) : error;
  }
}

function openContainer(source: ByteSource, boot: BootRecord): ImageView {
  const { shape, fileLength } = boot;
  scanCbor(source, TAG_BYTES);
  const manifestLength = scanCborItem(source, MANIFEST_OFFSET) - MANIFEST_OFFSET;
  const layout = layoutOf(boot, manifestLength);
  for (const name of SECTION_NAMES) checkPlace(source, boot, layout, name);

  const manifest = decodeManifest(source.read(MANIFEST_OFFSET, manifestLength));
  checkSameShape(shape, manifest.model);
  const seal = decodeSeal(source.read(layout.sealOffset, fileLength - layout.sealOffset));
  const { eosTokenIds } = manifest.model;
  return {
    // The boot record has no room for several tokens that end a text.
    shape: { ...shape, ...(eosTokenIds && { eosTokenIds }) },
    revision: boot.revision,
    program: boot.program,
    manifest,
    sections: layout.sections,
    seal,
    sealedLength: layout.sealOffset,
    fileLength,
  };
}

/** The length of the file says whether the seal has a signature. */
function layoutOf({ shape, sections, fileLength }: BootRecord, manifestLength: number): ImageLayout {
  const input = { shape, manifestLength, tokenizerLength: sections.tokenizer.length };
  const unsigned = layoutImage({ ...input, signed: false });
  if (unsigned.fileLength === fileLength) return unsigned;
  const signed = layoutImage({ ...input, signed: true });
  if (signed.fileLength === fileLength) return signed;
  throw inconsistentImage('the length of the file does not follow from the sizes in it');
}

function checkPlace(source: ByteSource, boot: BootRecord, layout: ImageLayout, name: SectionName): void {
  const expected = layout.sections[name];
  const { offset, length } = boot.sections[name];
  if (offset !== expected.offset || length !== expected.length) {
    throw inconsistentImage(`section ${name} is not where, or not as long as, the sizes of the model demand`);
  }
  const gap = gapBefore(layout, name);
  if (!sameBytes(source.read(offset - gap.length, gap.length), gap)) {
    throw inconsistentImage(`the bytes in front of section ${name} are not the padding and head of the format`);
  }
}

function checkSameShape(shape: ModelShape, model: ModelShape): void {
  for (const key of SHAPE_FIELDS) {
    if (shape[key] !== model[key]) throw inconsistentImage(`boot record and manifest differ in ${key}`);
  }
}

/** Afterwards the source is long enough for the boot record. */
function checkPrefix(source: ByteSource): void {
  const found = source.read(0, Math.min(source.length, IMAGE_PREFIX.length)).slice();
  const differsAt = found.findIndex((byte, index) => byte !== IMAGE_PREFIX[index]);
  if (differsAt === VERSION_AT) throw unsupportedVersion(versionName(found[VERSION_AT]!));
  if (differsAt >= 0 || found.length === 0) throw notAnImage();
  if (source.length < MANIFEST_OFFSET) throw imageTruncated(MANIFEST_OFFSET - source.length);
}

function versionName(character: number): string {
  const isDigit = character >= 0x30 && character <= 0x39;
  return isDigit ? `mmfree/${character - 0x30}` : 'of an unknown name';
}
