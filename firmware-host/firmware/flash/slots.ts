/** How the flash is divided: the boot table, then one or two slots of the same size, each for one image file. */

import type { ByteSource } from '../../../protocol/byte-source.js';
import { BOOT_TABLE_SECTORS } from './boot-table.js';
import { PAGE_BYTES } from './nor-flash.js';
import type { NorFlash } from './nor-flash.js';

export class Slots {
  readonly count: 1 | 2;
  /** Of each slot, a whole number of sectors. */
  readonly bytes: number;
  readonly #flash: NorFlash;

  /** @throws RangeError if the flash has no room for the slots */
  constructor(flash: NorFlash, count: 1 | 2) {
    const sectors = Math.floor((flash.length / flash.sectorBytes - BOOT_TABLE_SECTORS) / count);
    if (sectors < 1) throw new RangeError(`a flash of ${flash.length} bytes has no room for ${count} slots`);
    this.count = count;
    this.bytes = sectors * flash.sectorBytes;
    this.#flash = flash;
  }

  /** The first `length` bytes of a slot. */
  source(slot: number, length = this.bytes): ByteSource {
    const start = this.#start(slot);
    return {
      length,
      read: (offset, count) => {
        if (offset < 0 || count < 0 || offset + count > length) {
          throw new RangeError(`bytes ${offset} … ${offset + count} of ${length} do not exist`);
        }
        return this.#flash.read(start + offset, count);
      },
    };
  }

  /** @param offset in the slot, of a sector */
  eraseSector(slot: number, offset: number): void {
    this.#flash.eraseSector(this.#start(slot) + offset);
  }

  /** Writes into erased pages. @param offset in the slot, a multiple of the page size */
  program(slot: number, offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
      this.#flash.programPage(this.#start(slot) + offset + at, bytes.subarray(at, at + PAGE_BYTES));
    }
  }

  #start(slot: number): number {
    if (!(Number.isInteger(slot) && slot >= 0 && slot < this.count)) throw new RangeError(`there is no slot ${slot}`);
    return BOOT_TABLE_SECTORS * this.#flash.sectorBytes + slot * this.bytes;
  }
}
