/**
 * A NOR flash, stricter than real parts: sectors are erased to ones, a page is programmed once between two erasures,
 * and never across its end. What firmware gets away with here works on parts with ECC too.
 *
 * Operations are counted, and the power can be cut at any of them. A mistake of the firmware is a RangeError; a part
 * that fails is a {@link FlashFailure}.
 */

import type { ByteSource } from '../../../protocol/byte-source.js';
import type { FlashStore } from './flash-store.js';
import { PowerLost, tear } from './power-cut.js';
import type { PowerCut } from './power-cut.js';

/** Largest number of bytes programmed at once; a program may not cross a multiple of it. */
export const PAGE_BYTES = 256;

/** What operations take, in milliseconds, as in the data sheets of common QSPI parts. */
export interface FlashTiming {
  readonly eraseMs: number;
  readonly programMs: number;
}

/** The part did not do what it was told. */
export class FlashFailure extends Error {
  override readonly name = 'FlashFailure';
  /** In bytes from the start of the flash. */
  readonly offset: number;

  constructor(offset: number, cause?: unknown) {
    super(`the flash failed at its byte ${offset}`, { cause });
    this.offset = offset;
  }
}

const ERASED_PAGE = new Uint8Array(PAGE_BYTES).fill(0xff);

const INSTANT: FlashTiming = { eraseMs: 0, programMs: 0 };

export class NorFlash implements ByteSource {
  readonly sectorBytes: number;
  readonly #store: FlashStore;
  readonly #timing: FlashTiming;
  #operations = 0;
  #spentMs = 0;
  #cut: PowerCut | undefined;
  #isDead = false;

  /** @throws RangeError if the store is no whole number of sectors, or a sector no whole number of pages */
  constructor(store: FlashStore, sectorBytes: number, timing = INSTANT) {
    if (sectorBytes % PAGE_BYTES !== 0 || store.length % sectorBytes !== 0 || store.length === 0) {
      throw new RangeError(`a flash of ${store.length} bytes cannot have sectors of ${sectorBytes}`);
    }
    this.sectorBytes = sectorBytes;
    this.#store = store;
    this.#timing = timing;
  }

  get length(): number {
    return this.#store.length;
  }

  /** Erasures and programs so far. */
  get operations(): number {
    return this.#operations;
  }

  /** Time that the operations took since this was called last. */
  takeSpentMs(): number {
    const spentMs = this.#spentMs;
    this.#spentMs = 0;
    return spentMs;
  }

  /** Plans a power cut, counted from now. */
  cutPower(cut: PowerCut): void {
    this.#cut = { ...cut, afterOperations: this.#operations + cut.afterOperations };
  }

  read(offset: number, length: number): Uint8Array {
    this.#checkPower();
    if (offset < 0 || length < 0 || offset + length > this.length) {
      throw new RangeError(`bytes ${offset} … ${offset + length} are outside a flash of ${this.length}`);
    }
    return this.#store.read(offset, length);
  }

  /** Makes every bit of a sector 1. @param offset of its first byte */
  eraseSector(offset: number): void {
    if (offset % this.sectorBytes !== 0) throw new RangeError(`a sector does not start at ${offset}`);
    this.#spentMs += this.#timing.eraseMs;
    this.#change(offset, new Uint8Array(this.sectorBytes).fill(0xff));
  }

  /** Writes into a page that is erased, or part of one. */
  programPage(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0 || (offset % PAGE_BYTES) + bytes.length > PAGE_BYTES) {
      throw new RangeError(`${bytes.length} bytes at ${offset} are not within one page`);
    }
    const page = this.read(offset - (offset % PAGE_BYTES), PAGE_BYTES);
    if (Buffer.compare(page, ERASED_PAGE) !== 0) throw new RangeError(`the page at ${offset} is not erased`);
    this.#spentMs += this.#timing.programMs;
    this.#change(offset, bytes);
  }

  /** A barrier: what was changed before outlasts a power cut, of the computer too, if what is changed after it does. */
  sync(): void {
    try {
      this.#store.sync();
    } catch (cause) {
      throw new FlashFailure(0, cause);
    }
  }

  close(): void {
    this.#store.close();
  }

  #change(offset: number, to: Uint8Array): void {
    const from = this.read(offset, to.length);
    const cut = this.#cut;
    if (cut?.afterOperations === this.#operations) this.#cutDuring(cut, offset, from, to);
    this.#operations++;
    this.#write(offset, to);
    if (Buffer.compare(this.read(offset, to.length), to) !== 0) throw new FlashFailure(offset);
  }

  /** The power goes while an area is changed. */
  #cutDuring({ at, seed }: PowerCut, offset: number, from: Uint8Array, to: Uint8Array): void {
    if (at !== 'before') this.#write(offset, at === 'after' ? to : tear(from, to, at, seed));
    this.#isDead = true;
    throw new PowerLost();
  }

  #write(offset: number, bytes: Uint8Array): void {
    try {
      this.#store.write(offset, bytes);
    } catch (cause) {
      throw new FlashFailure(offset, cause);
    }
  }

  #checkPower(): void {
    if (this.#isDead) throw new PowerLost();
  }
}
