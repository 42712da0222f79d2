/**
 * Weight images in files: opened, checked, and their sections brought where a backend wants them.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, readSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { memorySource, type ByteSource } from '../protocol/byte-source.js';
import { readDfuSuffix } from '../protocol/dfu-suffix.js';
import type { DfuFileIds } from '../protocol/dfu-suffix.js';
import type { SectionPlace } from '../protocol/image/boot-record.js';
import {
  verifyHashes,
  verifySections,
  verifySignature,
  verifyWhole,
  type OnProgress,
} from '../protocol/image/image-hashes.js';
import { imageChanged, imageUnreadable, suffixDamaged } from '../protocol/image/image-error.js';
import { openImage, type ImageView } from '../protocol/image/image-reader.js';
import { embeddingStride, type ModelShape, type SectionName } from '../protocol/image/model-shape.js';
import { verifyWeights } from '../protocol/image/weight-checks.js';
import { verifyEd25519 } from './ed25519.js';
import { openRegular } from './files/input-file.js';
import { residentBytes, type WeightBytes } from './integer/model-weights.js';
import { checkImageProgram } from './program/image-program.js';

/** Pieces up to this size share one buffer. */
const SCRATCH_BYTES = 1 << 20;

/** What an image is read from. */
export interface ImageSource extends ByteSource {
  /** Fills `into` with the bytes from `offset` on. @throws RangeError if the source ends before */
  readInto(offset: number, into: Uint8Array): void;
  /** For those who read twice, first to check and then to use. @throws ImageError `image-changed` */
  assertUnchanged(): void;
  close(): void;
}

/** A file as a `ByteSource`. */
export class FileSource implements ImageSource {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #opened: BigIntStats;
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);

  #length: number;

  /**
   * @param file its path, or the descriptor of one that is open already: another thread's
   * @throws ImageError `image-unreadable`
   */
  constructor(file: string | number) {
    this.#path = typeof file === 'number' ? 'the image' : file;
    try {
      this.#descriptor = typeof file === 'number' ? file : openRegular(file);
      this.#opened = fstatSync(this.#descriptor, { bigint: true });
      this.#length = Number(this.#opened.size);
    } catch (cause) {
      throw imageUnreadable(String(file), cause);
    }
  }

  /** For another thread, which reads the same file, whatever its path means by then. */
  get descriptor(): number {
    return this.#descriptor;
  }

  get length(): number {
    return this.#length;
  }

  /**
   * Leaves out the DFU suffix at the file's end from now on.
   *
   * @returns the device that it is for; undefined if there is none
   * @throws ImageError `image-damaged` if it is not whole
   */
  dropDfuSuffix(): DfuFileIds | undefined {
    const suffix = readDfuSuffix(this);
    if (suffix === undefined) return undefined;
    if ('problem' in suffix) throw suffixDamaged(this.#path, suffix.problem);
    this.#length -= suffix.suffixBytes;
    return suffix.ids;
  }

  read(offset: number, length: number): Uint8Array {
    const into = length <= SCRATCH_BYTES ? this.#scratch.subarray(0, length) : new Uint8Array(length);
    this.readInto(offset, into);
    return into;
  }

  readInto(offset: number, into: Uint8Array): void {
    let done = 0;
    while (done < into.length) {
      const count = readSync(this.#descriptor, into, done, into.length - done, offset + done);
      if (count === 0) throw new RangeError(`the file ends before byte ${offset + into.length}`);
      done += count;
    }
  }

  /** Whether nobody has written to the file since it was opened. @throws ImageError `image-changed` */
  assertUnchanged(): void {
    const { size, mtimeNs, ctimeNs } = fstatSync(this.#descriptor, { bigint: true });
    const opened = this.#opened;
    if (size !== opened.size || mtimeNs !== opened.mtimeNs || ctimeNs !== opened.ctimeNs)
      throw imageChanged(this.#path);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Bytes in memory as the source of an image. */
function imageInMemory(bytes: Uint8Array): ImageSource {
  return {
    ...memorySource(bytes),
    readInto: (offset, into) => into.set(memorySource(bytes).read(offset, into.length)),
    assertUnchanged: () => {},
    close: () => {},
  };
}

/** Sections of a file as weights that stay in it. */
export function streamedBytes(
  source: Pick<ImageSource, 'readInto'>,
  shape: ModelShape,
  sections: Readonly<Record<SectionName, SectionPlace>>,
): WeightBytes {
  const stride = embeddingStride(shape);
  const whole = ({ offset, length }: SectionPlace): Uint8Array => {
    const bytes = new Uint8Array(length);
    source.readInto(offset, bytes);
    return bytes;
  };
  let scratch = new Uint8Array(0);
  return {
    shape,
    tables: whole(sections.tables),
    vectors: whole(sections.vectors),
    readEmbeddingRow: (token, into) => source.readInto(sections.embedding.offset + token * stride, into),
    ternary: (offset, length) => () => {
      if (scratch.length < length) scratch = new Uint8Array(length);
      const bytes = scratch.subarray(0, length);
      source.readInto(sections.ternary.offset + offset, bytes);
      return bytes;
    },
  };
}

/** Parts of the check of an image, in the order in which their failures count. */
export const IMAGE_CHECKS = ['sections', 'whole', 'signature', 'weights'] as const;
export type ImageCheck = (typeof IMAGE_CHECKS)[number];

/** An image file whose structure is sound; `check` says whether its contents are. */
export class ImageFile {
  readonly source: ImageSource;
  /** What another thread opens it by: an open file, or memory. */
  readonly handle: number | Uint8Array;
  readonly view: ImageView;
  /** The device that the file is for, if it is a DFU file. */
  readonly dfuIds: DfuFileIds | undefined;

  private constructor(source: ImageSource, handle: number | Uint8Array, dfuIds: DfuFileIds | undefined) {
    this.source = source;
    this.handle = handle;
    this.view = openImage(source);
    checkImageProgram(this.view);
    this.dfuIds = dfuIds;
  }

  /** An image, as it is or as a DFU file. @throws ImageError */
  static open(file: string | number): ImageFile {
    const source = new FileSource(file);
    try {
      const dfuIds = source.dropDfuSuffix();
      return new ImageFile(source, source.descriptor, dfuIds);
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /** An image in memory, which the caller leaves as it is. @throws ImageError */
  static inMemory(bytes: Uint8Array, dfuIds?: DfuFileIds): ImageFile {
    return new ImageFile(imageInMemory(bytes), bytes, dfuIds);
  }

  /** As `open`, with all of it in memory: whatever happens to the file, what is checked is what is used. @throws ImageError */
  static load(path: string): ImageFile {
    const file = ImageFile.open(path);
    try {
      // As long as its structure says, which was checked: never as long as the file happens to be.
      const bytes = new Uint8Array(file.view.fileLength);
      file.source.readInto(0, bytes);
      return ImageFile.inMemory(bytes, file.dfuIds);
    } finally {
      file.close();
    }
  }

  /** Opens a file and reads every byte of it to check hashes, signature and weights. @throws ImageError */
  static openChecked(path: string, onProgress?: OnProgress): ImageFile {
    const image = ImageFile.open(path);
    try {
      image.check(onProgress);
      return image;
    } catch (error) {
      image.close();
      throw error;
    }
  }

  /** Checks hashes, signature and weights. @throws ImageError */
  check(onProgress?: OnProgress): void {
    verifyHashes(this.source, this.view, () => createHash('sha256'), onProgress);
    verifySignature(this.view, verifyEd25519);
    verifyWeights(this.source, this.view);
  }

  /** One part of `check`, for threads that share it out. @throws ImageError */
  checkPart(part: ImageCheck): void {
    switch (part) {
      case 'sections':
        return verifySections(this.source, this.view, () => createHash('sha256'));
      case 'whole':
        return verifyWhole(this.source, this.view, () => createHash('sha256'));
      case 'signature':
        return verifySignature(this.view, verifyEd25519);
      case 'weights':
        return verifyWeights(this.source, this.view);
    }
  }

  /** A section in memory. */
  section(name: SectionName): Uint8Array {
    const { offset, length } = this.view.sections[name];
    if (typeof this.handle !== 'number') return this.handle.subarray(offset, offset + length);
    const bytes = new Uint8Array(length);
    this.source.readInto(offset, bytes);
    return bytes;
  }

  /** Weights in memory. */
  residentWeights(): WeightBytes {
    return residentBytes({
      shape: this.view.shape,
      tables: this.section('tables'),
      vectors: this.section('vectors'),
      embedding: this.section('embedding'),
      ternary: this.section('ternary'),
    });
  }

  /** Weights that stay in the file: each matrix is read when it is used, so memory does not grow with the model. */
  streamedWeights(): WeightBytes {
    return streamedBytes(this.source, this.view.shape, this.view.sections);
  }

  close(): void {
    this.source.close();
  }
}
