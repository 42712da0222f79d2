/** Messages that change the image on a board. docs/PROTOCOL.md, section 6. */

import { constant, count, fixedBytes, restBytes, restU32, u16, u32, u8 } from './layout.js';
import { fixedMessage } from './message.js';

/** First bytes of an image: container head and boot record. */
const FLASH_PREFIX_BYTES = 272;

/** Data of one `FLASH_WRITE`; fewer only at the image's end. */
export const FLASH_WRITE_BYTES = 2048;

/** Most checksums of one `FLASH_SUMS`. */
export const MAX_FLASH_SUMS = 1000;

/** Most bytes of one `FLASH_READ`. */
export const MAX_FLASH_READ_BYTES = 4000;

const MAX_SEAL_BYTES = 1024;
const SHA256_BYTES = 32;

/** What the board must know to refuse an image before the first erase. Answer: `FLASH_READY`. */
export const FLASH_BEGIN = fixedMessage(0x20, 'FLASH_BEGIN', {
  imageLength: u32(),
  prefixLength: constant(2, FLASH_PREFIX_BYTES),
  sealLength: count(2),
  prefix: fixedBytes(FLASH_PREFIX_BYTES),
  seal: restBytes(1, MAX_SEAL_BYTES),
});

export const FLASH_READY = fixedMessage(0xa0, 'FLASH_READY', { slot: u8(), zero: constant(3), imageLength: u32() });

/** Asks what is in the slot now. Answer: `FLASH_SUMS`. */
export const FLASH_COMPARE = fixedMessage(0x21, 'FLASH_COMPARE', {
  firstSector: u32(),
  sectors: u16(1, MAX_FLASH_SUMS),
  zero: constant(2),
});

export const FLASH_SUMS = fixedMessage(0xa1, 'FLASH_SUMS', {
  firstSector: u32(),
  sectors: count(2),
  zero: constant(2),
  /** Of each sector, of the last one up to the image's end. */
  crc32c: restU32(1, MAX_FLASH_SUMS),
});

/** No answer if all is well. */
export const FLASH_WRITE = fixedMessage(0x22, 'FLASH_WRITE', {
  offset: u32(FLASH_WRITE_BYTES),
  data: restBytes(1, FLASH_WRITE_BYTES),
});

/** Checks what was written and starts it. Answer: `FLASH_ENDED`. */
export const FLASH_END = fixedMessage(0x23, 'FLASH_END', {});

/** The SHA-256 of the whole file as read back. */
export const FLASH_ENDED = fixedMessage(0xa2, 'FLASH_ENDED', { sha256: fixedBytes(SHA256_BYTES) });

/** Reads the running image. Answer: `FLASH_DATA`. */
export const FLASH_READ = fixedMessage(0x24, 'FLASH_READ', {
  offset: u32(),
  length: u16(1, MAX_FLASH_READ_BYTES),
  zero: constant(2),
});

export const FLASH_DATA = fixedMessage(0xa3, 'FLASH_DATA', {
  offset: u32(),
  data: restBytes(1, MAX_FLASH_READ_BYTES),
});

/** The new image answered as it should. Answer: `DONE`. */
export const CONFIRM = fixedMessage(0x25, 'CONFIRM', {});

/** The new image did not: back to the one before. Answer: `DONE`. */
export const REVERT = fixedMessage(0x26, 'REVERT', {});
