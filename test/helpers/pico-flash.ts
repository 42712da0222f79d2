/** What lies behind the firmware of a microcontroller: the log of slots, and the first slot (firmware/core/store.h). */

import { crc32 } from 'node:zlib';

const LOG_BYTES = 2 * 4096;

/** A log that says that the slot holds a confirmed image, and the image. */
export function logAndSlot(image: Uint8Array): Uint8Array {
  const flash = Buffer.alloc(LOG_BYTES + image.length, 0xff);
  flash.write('MMFL', 0);
  // Number of the record, slot, confirmed.
  [1, 0, 1].forEach((word, index) => flash.writeUInt32LE(word, 4 + 4 * index));
  flash.writeUInt32LE(crc32(flash.subarray(0, 16)), 16);
  flash.set(image, LOG_BYTES);
  return flash;
}
