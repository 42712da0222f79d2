/**
 * Which slot to start: a log of small records in two sectors of their own, one record a page. The newest whole one
 * counts, so that a power cut at any instant leaves the old answer or the new one.
 *
 * | offset | size | field                              |
 * | ------ | ---- | ---------------------------------- |
 * | 0      | 4    | "MMBT"                             |
 * | 4      | 4    | sequence number, from 1            |
 * | 8      | 1    | slot                               |
 * | 9      | 1    | 1: confirmed                       |
 * | 10     | 2    | 0                                  |
 * | 12     | 4    | CRC-32 of the 12 bytes before it   |
 *
 * A torn record fails its CRC, and its page is not erased, so it is passed over. When one sector is full the other is
 * erased, which holds nothing that counts.
 */

import { crc32 } from '../../../protocol/crc32.js';
import { PAGE_BYTES } from './nor-flash.js';
import type { NorFlash } from './nor-flash.js';

/** Sectors at the start of the flash that the table takes. */
export const BOOT_TABLE_SECTORS = 2;

export interface BootEntry {
  readonly slot: number;
  /** Whether the image was seen to compute the right tokens. */
  readonly confirmed: boolean;
}

interface Found extends BootEntry {
  readonly sequence: number;
  /** Offset of its page. */
  readonly offset: number;
}

const MAGIC = 0x5442_4d4d; // "MMBT"
const RECORD_BYTES = 16;
const CRC_AT = 12;

export class BootTable {
  readonly #flash: NorFlash;

  /** The table lies in the first two sectors. */
  constructor(flash: NorFlash) {
    this.#flash = flash;
  }

  /** The newest entry; undefined if there is none. */
  read(): BootEntry | undefined {
    return this.#newest();
  }

  /** Makes `entry` the newest, unless it is already. Takes one program, and one erasure if a sector is full. */
  write(entry: BootEntry): void {
    const newest = this.#newest();
    if (newest?.slot === entry.slot && newest.confirmed === entry.confirmed) return;
    const page = this.#freePage(newest);
    // The image that the record names is there before the record is; and the caller tells others of it afterwards.
    this.#flash.sync();
    this.#flash.programPage(page, encodeRecord(entry, (newest?.sequence ?? 0) + 1));
    this.#flash.sync();
  }

  #newest(): Found | undefined {
    const { sectorBytes } = this.#flash;
    let newest: Found | undefined;
    for (let offset = 0; offset < BOOT_TABLE_SECTORS * sectorBytes; offset += PAGE_BYTES) {
      const found = decodeRecord(this.#flash.read(offset, RECORD_BYTES), offset);
      if (found !== undefined && found.sequence > (newest?.sequence ?? 0)) newest = found;
    }
    return newest;
  }

  /** An erased page behind the newest record, or the first of the other sector, which is erased for it. */
  #freePage(newest: Found | undefined): number {
    const { sectorBytes } = this.#flash;
    const sector = newest === undefined ? 0 : newest.offset - (newest.offset % sectorBytes);
    const from = newest === undefined ? 0 : newest.offset + PAGE_BYTES;
    for (let offset = from; offset < sector + sectorBytes; offset += PAGE_BYTES) {
      if (this.#flash.read(offset, PAGE_BYTES).every((byte) => byte === 0xff)) return offset;
    }
    const other = sector === 0 ? sectorBytes : 0;
    this.#flash.eraseSector(other);
    return other;
  }
}

function encodeRecord({ slot, confirmed }: BootEntry, sequence: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(RECORD_BYTES));
  const bytes = new Uint8Array(view.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, sequence, true);
  view.setUint8(8, slot);
  view.setUint8(9, confirmed ? 1 : 0);
  view.setUint32(CRC_AT, crc32(bytes.subarray(0, CRC_AT)), true);
  return bytes;
}

function decodeRecord(bytes: Uint8Array, offset: number): Found | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, RECORD_BYTES);
  if (view.getUint32(0, true) !== MAGIC) return undefined;
  if (view.getUint32(CRC_AT, true) !== crc32(bytes.subarray(0, CRC_AT))) return undefined;
  return { sequence: view.getUint32(4, true), slot: view.getUint8(8), confirmed: view.getUint8(9) === 1, offset };
}
