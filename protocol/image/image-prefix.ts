/**
 * What the first 272 bytes of an image tell by themselves: enough for a board to refuse an image before it erases
 * anything (docs/PROTOCOL.md, section 6), and to find the end of one that lies in a larger flash.
 */

import { decodeBootRecord } from './boot-record.js';
import type { BootRecord } from './boot-record.js';
import { notAnImage } from './image-error.js';
import { BOOT_RECORD_OFFSET, checkShape, IMAGE_PREFIX, MANIFEST_OFFSET } from './image-layout.js';
import { sameBytes } from '../little-endian.js';

/** Container head and boot record. */
export const IMAGE_PREFIX_BYTES = MANIFEST_OFFSET;

/**
 * @param bytes the first {@link IMAGE_PREFIX_BYTES} of a file
 * @throws ImageError
 */
export function decodeImagePrefix(bytes: Uint8Array): BootRecord {
  if (!sameBytes(bytes.subarray(0, BOOT_RECORD_OFFSET), IMAGE_PREFIX)) throw notAnImage();
  const boot = decodeBootRecord(bytes.subarray(BOOT_RECORD_OFFSET, IMAGE_PREFIX_BYTES));
  checkShape(boot.shape);
  return boot;
}
