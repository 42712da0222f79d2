/**
 * A raw image that comes as a stream of blocks of any length, from its start, or announced and then only the sectors
 * that differ: how images come over USB. docs/USB.md, section 3.
 *
 * Blocks wait here until the board works; what is wrong with the image shows in `refusal`.
 */

import { FLASH_WRITE_BYTES } from '../../protocol/wire/messages-flash.js';
import { IMAGE_PREFIX_BYTES } from '../../protocol/image/image-prefix.js';
import { imageLengthOf } from './acceptance.js';
import type { ImageHead } from './acceptance.js';
import { FlashFailure } from './flash/nor-flash.js';
import type { ImageStore, RunningImage } from './image-store.js';
import { ImageWriter } from './image-writer.js';
import { Refusal } from './refusal.js';

export interface DownloadOptions {
  readonly images: ImageStore;
  readonly sectorBytes: number;
  readonly now: () => number;
  /** Takes the board for a download. @throws Refusal `busy` */
  readonly take: () => void;
}

/** A host that says nothing for so long can be displaced. */
const SILENCE_MS = 5000;

export class Download {
  readonly #options: DownloadOptions;
  readonly #writer: ImageWriter;
  /** What has come and is not written; less than a whole piece between blocks. */
  readonly #piece = new Uint8Array(FLASH_WRITE_BYTES);
  #pieceBytes = 0;
  /** In the image, of the next byte that comes. */
  #position = 0;
  /** Of the image, from its announcement or its head; undefined before. */
  #imageLength: number | undefined;
  #isActive = false;
  #isAnnounced = false;
  #checked: RunningImage | undefined;
  #steps: Generator<void, void> | undefined;
  #refusal: Refusal | undefined;
  #sha256: Uint8Array | undefined;
  #heardMs = -Infinity;

  constructor(options: DownloadOptions) {
    this.#options = options;
    this.#writer = new ImageWriter(options.images, options.sectorBytes);
  }

  /** From the first block, or the announcement, to the end. */
  get isActive(): boolean {
    return this.#isActive;
  }

  /** Whether the host can be displaced. */
  get isSilent(): boolean {
    return this.#options.now() - this.#heardMs >= SILENCE_MS;
  }

  /** Why the download does not go on. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** SHA-256 of the last file that was taken, as read back. */
  get sha256(): Uint8Array | undefined {
    return this.#sha256;
  }

  /** Whether {@link work} has something to do. */
  get hasWork(): boolean {
    return this.#steps !== undefined;
  }

  /** The host is there. */
  heard(): void {
    this.#heardMs = this.#options.now();
  }

  /** Begins with an announced image, of which any sectors may come, in order. */
  announce(head: ImageHead): void {
    if (!this.#begin(true)) return;
    this.#imageLength = head.imageLength;
    this.#do(this.#announce(head));
  }

  /** @param block longer than 0; may be changed afterwards */
  write(block: Uint8Array): void {
    if (!this.#isActive && !this.#begin(false)) return;
    this.#do(this.#take(block.slice()));
  }

  /** Sectors of an announced image that may be compared now; 0 if there is none. */
  get announcedSectors(): number {
    const isComparable = this.#isAnnounced && this.#writer.isOpen;
    return isComparable ? Math.ceil((this.#imageLength ?? 0) / this.#options.sectorBytes) : 0;
  }

  /** CRC-32C of what sectors of the slot hold. @throws Refusal if they lie outside of the announced image */
  sums(firstSector: number, sectors: number): Uint32Array {
    return this.#writer.sums(firstSector, sectors);
  }

  /** Where the next block of an announced image goes. False if it cannot. @param sector of the image */
  seek(sector: number): boolean {
    const offset = sector * this.#options.sectorBytes;
    const isPossible =
      this.#isAnnounced &&
      this.#writer.isOpen &&
      this.#pieceBytes === 0 &&
      offset >= this.#position &&
      offset < (this.#imageLength ?? 0);
    if (isPossible) this.#position = offset;
    return isPossible;
  }

  /**
   * Whether the host may say that it has sent all; of an announced image any part will do, if the slot has the rest.
   */
  get isWhole(): boolean {
    return this.#isAnnounced ? this.#pieceBytes === 0 : this.#checked !== undefined;
  }

  /** The host has sent all: the image is checked, unless it was, and started. */
  finish(): void {
    this.#do(this.#adopt());
  }

  /** The host wants no more, or is gone. What was written stays. */
  abandon(): void {
    this.#reset();
    this.#refusal = undefined;
  }

  /** Someone else takes the board. */
  displace(refusal: Refusal): void {
    this.#reset();
    this.#refusal = refusal;
  }

  /** One step of a few milliseconds. @throws PowerLost */
  work(): void {
    try {
      if (this.#steps?.next().done === true) this.#steps = undefined;
    } catch (error) {
      const refusal = error instanceof FlashFailure ? new Refusal('flashFailed', error.offset) : error;
      if (!(refusal instanceof Refusal)) throw error;
      this.displace(refusal);
    }
  }

  #begin(isAnnounced: boolean): boolean {
    this.#reset();
    this.#refusal = undefined;
    try {
      this.#options.take();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#refusal = error;
      return false;
    }
    this.#isActive = true;
    this.#isAnnounced = isAnnounced;
    return true;
  }

  #reset(): void {
    this.#writer.abandon();
    this.#isActive = false;
    this.#isAnnounced = false;
    this.#steps = undefined;
    this.#checked = undefined;
    this.#position = 0;
    this.#pieceBytes = 0;
    this.#imageLength = undefined;
  }

  /** There is one thing to do at a time: the state machine of DFU sees to that. */
  #do(steps: Generator<void, void>): void {
    this.#steps = steps;
  }

  *#announce(head: ImageHead): Generator<void, void> {
    yield* this.#writer.begin(head);
  }

  *#take(block: Uint8Array): Generator<void, void> {
    for (let at = 0; at < block.length;) {
      const room = Math.min(FLASH_WRITE_BYTES, (this.#imageLength ?? Infinity) - this.#position) - this.#pieceBytes;
      // Behind the end of the image.
      if (room <= 0 || this.#checked !== undefined) throw new Refusal('writeOutOfOrder', this.#imageLength);
      const part = block.subarray(at, at + room);
      this.#piece.set(part, this.#pieceBytes);
      this.#pieceBytes += part.length;
      at += part.length;
      if (part.length === room) yield* this.#writePiece();
    }
  }

  *#writePiece(): Generator<void, void> {
    if (this.#imageLength === undefined) yield* this.#beginByHead();
    const piece = this.#piece.slice(0, this.#pieceBytes);
    this.#writer.write(this.#position, piece);
    this.#position += piece.length;
    this.#pieceBytes = 0;
    if (this.#position === this.#imageLength) this.#checked = yield* this.#check();
  }

  /** The first piece has the head in it. */
  *#beginByHead(): Generator<void, void> {
    const prefix = this.#piece.slice(0, IMAGE_PREFIX_BYTES);
    const imageLength = imageLengthOf(prefix);
    yield* this.#writer.begin({ imageLength, prefix });
    this.#imageLength = imageLength;
  }

  *#check(): Generator<void, RunningImage> {
    const { slot, sha256 } = yield* this.#writer.end();
    const image = yield* this.#options.images.tryOut(slot);
    this.#sha256 = sha256;
    return image;
  }

  *#adopt(): Generator<void, void> {
    const image = this.#checked ?? (yield* this.#check());
    this.#options.images.adopt(image);
    this.#reset();
  }
}
