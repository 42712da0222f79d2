/**
 * What the boot ROM of an RP2040 finds at the beginning of the flash (data sheet, 2.8.1.3): 252 bytes, and their
 * CRC-32.
 */

import type { FlashStore } from '../../firmware/flash/flash-store.js';

const BYTES = 256;
export const CHECKED_BYTES = 252;
const POLYNOMIAL = 0x04c1_1db7;

/** Undefined if the checksum is wrong: the ROM becomes a drive then. */
export function secondStage(flash: FlashStore): Uint8Array | undefined {
  const bytes = flash.read(0, BYTES);
  const found = new DataView(bytes.buffer, bytes.byteOffset).getUint32(CHECKED_BYTES, true);
  return found === crc32Mpeg2(bytes.subarray(0, CHECKED_BYTES)) ? bytes : undefined;
}

/** Neither reflected nor inverted at the end. */
export function crc32Mpeg2(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
    crc |= 0;
  }
  return crc >>> 0;
}
