/**
 * Control requests to the DFU interface beyond DFU 1.1, for hosts that send only what is not there yet. docs/USB.md,
 * section 4. Payloads are those of the messages of the same name (messages-board.ts, messages-flash.ts) where there is
 * one.
 */

/** `bRequest`; from 0x80 on, and where said so, they are IN requests. */
export const VENDOR_REQUEST = {
  /** IN: who the board is. */
  hello: 0x80,
  /** IN: why the last download or upload was refused; code 0 if it was not. */
  error: 0x81,
  /** OUT: announces an image. */
  flashBegin: 0x20,
  /** IN: sums of the page `wValue` of sectors. */
  flashSums: 0x21,
  /** OUT: where the next block goes, or the next upload starts. */
  flashSeek: 0x22,
  /** IN: SHA-256 of the last file that was taken. */
  flashHash: 0x23,
} as const;

/** Sectors of one `FLASH_SUMS`. */
export const SECTORS_PER_PAGE = 1000;
