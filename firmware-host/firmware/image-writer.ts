/** An image file on its way into a slot: the one way in which images come onto a board, whatever carries them. */

import { createHash } from 'node:crypto';
import { crc32c } from '../../protocol/crc32.js';
import { sameBytes } from '../../protocol/little-endian.js';
import { FLASH_WRITE_BYTES } from '../../protocol/wire/messages-flash.js';
import { checkHead } from './acceptance.js';
import type { ImageHead } from './acceptance.js';
import type { ImageStore } from './image-store.js';
import { Refusal } from './refusal.js';

interface Transfer extends ImageHead {
  readonly slot: number;
  /** Offset that a write must have at least. */
  nextOffset: number;
  /** Offset behind the last write, up to which its sector is erased. */
  writtenTo: number;
}

/** A file that lies in a slot as it was announced. */
export interface WrittenFile {
  readonly slot: number;
  /** SHA-256 of the whole file as read back. */
  readonly sha256: Uint8Array;
}

const HASH_PIECE_BYTES = 2 ** 20;

export class ImageWriter {
  readonly #images: ImageStore;
  readonly #sectorBytes: number;
  #transfer: Transfer | undefined;

  constructor(images: ImageStore, sectorBytes: number) {
    this.#images = images;
    this.#sectorBytes = sectorBytes;
  }

  /** Whether a file is on its way. */
  get isOpen(): boolean {
    return this.#transfer !== undefined;
  }

  /** The host is gone; what was written stays and is found by the next comparison. */
  abandon(): void {
    this.#transfer = undefined;
  }

  /** Decides from the head whether the board takes the file. Erases nothing yet. @returns the slot @throws Refusal */
  *begin(head: ImageHead): Generator<void, number> {
    const images = this.#images;
    this.#transfer = undefined;
    checkHead(head, images.slots.bytes, images.policy);
    // The slot to be erased may hold the only image that is known to be good.
    if (images.running?.confirmed === false && images.slots.count === 2) yield* orStay(images.revert());
    this.#transfer = { ...head, slot: images.target, nextOffset: 0, writtenTo: 0 };
    return images.target;
  }

  /** CRC-32C of what sectors of the slot hold, of the last one up to the end of the file. @throws Refusal */
  sums(firstSector: number, sectors: number): Uint32Array {
    const { slot, imageLength } = this.#current();
    const end = (firstSector + sectors - 1) * this.#sectorBytes;
    if (end >= imageLength) throw new Refusal('writeOutOfOrder', imageLength);
    const source = this.#images.slots.source(slot, imageLength);
    return Uint32Array.from({ length: sectors }, (_, index) => {
      const offset = (firstSector + index) * this.#sectorBytes;
      return crc32c(source.read(offset, Math.min(this.#sectorBytes, imageLength - offset)));
    });
  }

  /**
   * Writes {@link FLASH_WRITE_BYTES}, fewer only at the end of the file, in ascending order; a sector once begun is
   * written to its end.
   *
   * @throws Refusal
   * @throws FlashFailure
   */
  write(offset: number, data: Uint8Array): void {
    const transfer = this.#current();
    const { slot, imageLength, nextOffset, writtenTo } = transfer;
    const isFirstOfSector = offset % this.#sectorBytes === 0;
    const isInOrder = isFirstOfSector ? offset >= nextOffset : offset === writtenTo;
    const expectedLength = Math.min(FLASH_WRITE_BYTES, imageLength - offset);
    if (!isInOrder || data.length !== expectedLength) throw new Refusal('writeOutOfOrder', offset);
    this.#images.vacate(slot);
    // If the flash fails, the rest of the sector must not be written.
    transfer.writtenTo = -1;
    if (isFirstOfSector) this.#images.slots.eraseSector(slot, offset);
    this.#images.slots.program(slot, offset, data);
    transfer.nextOffset = offset + data.length;
    transfer.writtenTo = offset + data.length;
  }

  /** Reads the whole file back and ends the transfer. The image itself is not checked yet. @throws Refusal */
  *end(): Generator<void, WrittenFile> {
    const { slot, imageLength, prefix, seal } = this.#current();
    this.#transfer = undefined;
    const source = this.#images.slots.source(slot, imageLength);
    // A slot may hold another whole image than the one that was announced.
    const isAnnounced =
      sameBytes(source.read(0, prefix.length), prefix) &&
      (seal === undefined || sameBytes(source.read(imageLength - seal.length, seal.length), seal));
    if (!isAnnounced) throw new Refusal('imageDamaged');
    const hash = createHash('sha256');
    for (let at = 0; at < imageLength; at += HASH_PIECE_BYTES) {
      hash.update(source.read(at, Math.min(HASH_PIECE_BYTES, imageLength - at)));
      yield;
    }
    return { slot, sha256: new Uint8Array(hash.digest()) };
  }

  #current(): Transfer {
    if (this.#transfer === undefined) throw new Refusal('writeOutOfOrder');
    return this.#transfer;
  }
}

/** Goes back to the other image, or stays with this one if there is no other. */
function* orStay(revert: Generator<void, void>): Generator<void, void> {
  try {
    yield* revert;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}
