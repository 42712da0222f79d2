/** Requests that change or read the image in the flash. docs/PROTOCOL.md, section 6. */

import { createHash } from 'node:crypto';
import { crc32c } from '../protocol/crc32.js';
import { sameBytes } from '../protocol/little-endian.js';
import type { LayoutValue } from '../protocol/wire/layout.js';
import {
  CONFIRM,
  FLASH_BEGIN,
  FLASH_COMPARE,
  FLASH_DATA,
  FLASH_END,
  FLASH_ENDED,
  FLASH_READ,
  FLASH_READY,
  FLASH_SUMS,
  FLASH_WRITE,
  FLASH_WRITE_BYTES,
  REVERT,
} from '../protocol/wire/messages-flash.js';
import { DONE } from '../protocol/wire/messages-run.js';
import { checkHead } from './acceptance.js';
import type { ImageStore } from './image-store.js';
import { Refusal } from './refusal.js';
import { handler, reply } from './request.js';
import type { Handler, Reply } from './request.js';

/** A file on its way into a slot. */
interface Transfer {
  readonly slot: number;
  readonly imageLength: number;
  /** Head and end of the file, as they were announced. */
  readonly prefix: Uint8Array;
  readonly seal: Uint8Array;
  /** Offset that a write must have at least. */
  nextOffset: number;
  /** Offset behind the last write, up to which its sector is erased. */
  writtenTo: number;
}

const HASH_PIECE_BYTES = 2 ** 20;

export class Flashing {
  readonly handlers: readonly Handler[] = [
    handler(FLASH_BEGIN, (request) => this.#begin(request)),
    handler(FLASH_COMPARE, (request) => this.#compare(request)),
    handler(FLASH_WRITE, (request) => this.#write(request)),
    handler(FLASH_END, () => this.#end()),
    handler(FLASH_READ, (request) => this.#read(request)),
    handler(CONFIRM, () => this.#confirm()),
    handler(REVERT, () => this.#revert()),
  ];
  readonly #images: ImageStore;
  readonly #sectorBytes: number;
  #transfer: Transfer | undefined;

  constructor(images: ImageStore, sectorBytes: number) {
    this.#images = images;
    this.#sectorBytes = sectorBytes;
  }

  /** Whether a file is on its way. */
  get isActive(): boolean {
    return this.#transfer !== undefined;
  }

  /** The host is gone; what was written stays and is found by the next `FLASH_COMPARE`. */
  abandon(): void {
    this.#transfer = undefined;
  }

  *#begin({ imageLength, prefix, seal }: LayoutValue<typeof FLASH_BEGIN.layout>): Generator<void, Reply> {
    const images = this.#images;
    this.#transfer = undefined;
    checkHead(imageLength, prefix, seal, images.slots.bytes, images.policy);
    // The slot to be erased may hold the only image that is known to be good.
    if (images.running?.confirmed === false && images.slots.count === 2) yield* orStay(images.revert());
    const file = { imageLength, prefix: prefix.slice(), seal: seal.slice() };
    this.#transfer = { slot: images.target, ...file, nextOffset: 0, writtenTo: 0 };
    return reply(FLASH_READY, { slot: images.target, imageLength });
  }

  #compare({ firstSector, sectors }: LayoutValue<typeof FLASH_COMPARE.layout>): Reply {
    const { slot, imageLength } = this.#current();
    const end = (firstSector + sectors - 1) * this.#sectorBytes;
    if (end >= imageLength) throw new Refusal('writeOutOfOrder', imageLength);
    const source = this.#images.slots.source(slot, imageLength);
    const sums = Uint32Array.from({ length: sectors }, (_, index) => {
      const offset = (firstSector + index) * this.#sectorBytes;
      return crc32c(source.read(offset, Math.min(this.#sectorBytes, imageLength - offset)));
    });
    return reply(FLASH_SUMS, { firstSector, crc32c: sums });
  }

  #write({ offset, data }: LayoutValue<typeof FLASH_WRITE.layout>): undefined {
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
    return undefined;
  }

  *#end(): Generator<void, Reply> {
    const { slot, imageLength, prefix, seal } = this.#current();
    this.#transfer = undefined;
    const source = this.#images.slots.source(slot, imageLength);
    // A slot may hold another whole image than the one that was announced.
    const isAnnounced =
      sameBytes(source.read(0, prefix.length), prefix) &&
      sameBytes(source.read(imageLength - seal.length, seal.length), seal);
    if (!isAnnounced) throw new Refusal('imageDamaged');
    const hash = createHash('sha256');
    for (let at = 0; at < imageLength; at += HASH_PIECE_BYTES) {
      hash.update(source.read(at, Math.min(HASH_PIECE_BYTES, imageLength - at)));
      yield;
    }
    yield* this.#images.switchTo(slot);
    return reply(FLASH_ENDED, { sha256: new Uint8Array(hash.digest()) });
  }

  #read({ offset, length }: LayoutValue<typeof FLASH_READ.layout>): Reply {
    const source = this.#images.running?.source;
    if (source === undefined) throw new Refusal('noImage');
    if (offset + length > source.length) throw new Refusal('writeOutOfOrder', offset);
    return reply(FLASH_DATA, { offset, data: source.read(offset, length) });
  }

  #confirm(): Reply {
    this.#images.confirm();
    return reply(DONE, { request: CONFIRM.type });
  }

  *#revert(): Generator<void, Reply> {
    // What is on its way goes into the slot that may run now.
    this.#transfer = undefined;
    yield* this.#images.revert();
    return reply(DONE, { request: REVERT.type });
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
