/**
 * Weight images in files, checked at the speed of node:crypto: a pass in pieces, or parts that threads share out.
 */
import { closeSync, fstatSync, readSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { readDfuSuffix } from '../protocol/dfu-suffix.js';
import type { DfuFileIds } from '../protocol/dfu-suffix.js';
import {
  verifyHashes,
  verifySeal,
  verifySections,
  verifySignature,
  verifyWhole,
  type OnProgress,
} from '../protocol/image/image-hashes.js';
import { imageChanged, imageUnreadable, suffixDamaged } from '../protocol/image/image-error.js';
import { verifyWeights } from '../protocol/image/weight-checks.js';
import { openRegular } from './files/input-file.js';
import { createSha256, NODE_CRYPTO, verifyEd25519 } from './node-crypto.js';
import { imageInMemory, WeightImage, type ImageSource } from './weight-image.js';

/** Pieces up to this size share one buffer. */
const SCRATCH_BYTES = 1 << 18;

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

  readKept(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.readInto(offset, bytes);
    return bytes;
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

/** Parts of the check of an image, in the order in which their failures count. */
export const IMAGE_CHECKS = ['sections', 'whole', 'signature', 'weights'] as const;
export type ImageCheck = (typeof IMAGE_CHECKS)[number];

/** An image file whose structure is sound; `check` says whether its contents are. */
export class ImageFile extends WeightImage {
  /** What another thread opens it by: an open file, or memory. */
  readonly handle: number | Uint8Array;
  /** The device that the file is for, if it is a DFU file. */
  readonly dfuIds: DfuFileIds | undefined;

  private constructor(source: ImageSource, handle: number | Uint8Array, dfuIds: DfuFileIds | undefined) {
    super(source);
    this.handle = handle;
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

  /**
   * As `open`, with all of it in memory: whatever happens to the file, what is checked is what is used.
   *
   * @throws ImageError
   */
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
    verifyHashes(this.source, this.view, createSha256, onProgress);
    verifySignature(this.view, verifyEd25519);
    verifyWeights(this.source, this.view);
  }

  /** One part of `check`, for threads that share it out. @throws ImageError */
  async checkPart(part: ImageCheck): Promise<void> {
    switch (part) {
      case 'sections':
        return await verifySections(this.source, this.view, NODE_CRYPTO);
      case 'whole':
        return await verifyWhole(this.source, this.view, NODE_CRYPTO);
      case 'signature':
        return await verifySeal(this.view, NODE_CRYPTO);
      case 'weights':
        return verifyWeights(this.source, this.view);
    }
  }
}
