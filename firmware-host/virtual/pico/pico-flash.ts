/** What lies where in the flash of a microcontroller: firmware/ports/rp2040/main.c, firmware/core/store.h. */

import type { ChipLimits } from '../../../model/program/chip-limits.js';
import { crc32 } from '../../../protocol/crc32.js';
import { MODEL_LIMITS } from '../../../protocol/image/model-shape.js';

/** Address of its first byte. */
export const FLASH_WINDOW = 0x1000_0000;
export const FLASH_BYTES = 2 * 2 ** 20;
/** Of a Raspberry Pi Pico 2. */
export const RP2350_FLASH_BYTES = 4 * 2 ** 20;
/** Behind it the log of slots begins: two sectors; behind them is the image. */
export const FIRMWARE_BYTES = 128 * 1024;
const LOG_BYTES = 2 * 4096;
/** Of a record: "MMFL", number, slot, whether it is confirmed, CRC-32. */
const RECORD_BYTES = 20;

export const IMAGE_OFFSET = FIRMWARE_BYTES + LOG_BYTES;

/** What the firmware says in HELLO that it takes. */
export const RP2040_LIMITS: ChipLimits = {
  name: 'the firmware for RP2040',
  maxHidden: 256,
  maxIntermediate: 768,
  maxLayers: 8,
  maxVocabulary: MODEL_LIMITS.vocabSize,
  stateWords: Infinity,
  vectorWords: Infinity,
  maxImageBytes: FLASH_BYTES - IMAGE_OFFSET,
  portBytes: 1,
};

/** The same program, with more flash behind it. */
export const RP2350_LIMITS: ChipLimits = {
  ...RP2040_LIMITS,
  name: 'the firmware for RP2350',
  maxImageBytes: RP2350_FLASH_BYTES - IMAGE_OFFSET,
};

/**
 * What a board gets that has nothing yet, or anything: the firmware, no log, and an image, which the firmware tries
 * then.
 */
export function factoryPieces(
  firmware: Uint8Array,
  image: Uint8Array,
): { readonly address: number; readonly bytes: Uint8Array }[] {
  return [
    { address: FLASH_WINDOW, bytes: firmware },
    // One that is left from before may name the other slot.
    { address: FLASH_WINDOW + FIRMWARE_BYTES, bytes: new Uint8Array(LOG_BYTES).fill(0xff) },
    { address: FLASH_WINDOW + IMAGE_OFFSET, bytes: image },
  ];
}

/** An erased flash with firmware, and with an image as from the factory if one is given. */
export function picoFlash(firmware: Uint8Array, image?: Uint8Array, flashBytes = FLASH_BYTES): Uint8Array {
  const flash = new Uint8Array(flashBytes).fill(0xff);
  flash.set(firmware);
  if (image !== undefined) flash.set(logAndSlot(image), FIRMWARE_BYTES);
  return flash;
}

/** A log that says that the slot holds a confirmed image, and the image. */
export function logAndSlot(image: Uint8Array): Uint8Array {
  const flash = new Uint8Array(LOG_BYTES + image.length).fill(0xff);
  const record = new DataView(flash.buffer, 0, RECORD_BYTES);
  flash.set([0x4d, 0x4d, 0x46, 0x4c]);
  // Number of the record, slot, confirmed.
  [1, 0, 1].forEach((word, index) => record.setUint32(4 + 4 * index, word, true));
  record.setUint32(16, crc32(flash.subarray(0, 16)), true);
  flash.set(image, LOG_BYTES);
  return flash;
}
