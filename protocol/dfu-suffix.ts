/**
 * The suffix of a DFU file: 16 bytes at its end that say which device it is for. DFU 1.1, appendix B.
 *
 * | bytes from the end | field                                                                              |
 * | ------------------ | ---------------------------------------------------------------------------------- |
 * | 16, 15             | `bcdDevice`, release of the device; 0xffff: any                                    |
 * | 14, 13             | `idProduct`; 0xffff: any                                                           |
 * | 12, 11             | `idVendor`; 0xffff: any                                                            |
 * | 10, 9              | `bcdDFU`: 0x0100                                                                   |
 * | 8 … 6              | `UFD`                                                                              |
 * | 5                  | length of the suffix: 16, or more in a later version                               |
 * | 4 … 1              | CRC-32 of all before, without the last inversion (so ISO-HDLC's with all bits flipped) |
 */

import type { ByteSource } from './byte-source.js';
import { crc32 } from './crc32.js';

export const DFU_SUFFIX_BYTES = 16;

/** For `vendor`, `product` or `release`: whichever. */
export const ANY_ID = 0xffff;

const BCD_DFU = 0x0100;
const SIGNATURE = [0x55, 0x46, 0x44];
const PIECE_BYTES = 2 ** 20;

/** 16-bit numbers. */
export interface DfuFileIds {
  readonly vendor: number;
  readonly product: number;
  readonly release: number;
}

/** `ids`, and how long the suffix is. A clause if it is damaged; undefined if the file has none. */
export type DfuSuffix = { readonly ids: DfuFileIds; readonly suffixBytes: number } | { readonly problem: string };

/** The suffix for a file. @param contentCrc32 CRC-32/ISO-HDLC of the content */
export function encodeDfuSuffix(contentCrc32: number, { vendor, product, release }: DfuFileIds): Uint8Array {
  const suffix = new Uint8Array(DFU_SUFFIX_BYTES);
  const view = new DataView(suffix.buffer);
  view.setUint16(0, release, true);
  view.setUint16(2, product, true);
  view.setUint16(4, vendor, true);
  view.setUint16(6, BCD_DFU, true);
  suffix.set(SIGNATURE, 8);
  suffix[11] = DFU_SUFFIX_BYTES;
  view.setUint32(12, ~crc32(suffix.subarray(0, 12), contentCrc32) >>> 0, true);
  return suffix;
}

/** Reads the suffix of a file, and the whole file for its CRC. */
export function readDfuSuffix(file: ByteSource): DfuSuffix | undefined {
  if (file.length < DFU_SUFFIX_BYTES) return undefined;
  // A copy: the source may use its bytes again.
  const suffix = Uint8Array.from(file.read(file.length - DFU_SUFFIX_BYTES, DFU_SUFFIX_BYTES));
  if (SIGNATURE.some((byte, index) => suffix[8 + index] !== byte)) return undefined;
  const view = new DataView(suffix.buffer);
  const crc = view.getUint32(12, true);
  const suffixBytes = suffix[11]!;
  // Where the content ends by chance as a suffix does, the checksum does not fit; the file is refused all the same, as
  // dfu-util does, because a damaged one is likelier by far.
  if (crc !== ~sourceCrc32(file, file.length - 4) >>> 0) return { problem: 'its checksum is wrong' };
  if (suffixBytes < DFU_SUFFIX_BYTES || suffixBytes > file.length) {
    return { problem: `it says that it has ${suffixBytes} bytes` };
  }
  const ids = { release: view.getUint16(0, true), product: view.getUint16(2, true), vendor: view.getUint16(4, true) };
  return { ids, suffixBytes };
}

/** Whether a file with these ids is meant for a device. */
export function fitsDevice(file: DfuFileIds, device: { readonly vendor: number; readonly product: number }): boolean {
  return [
    [file.vendor, device.vendor],
    [file.product, device.product],
  ].every(([wanted, given]) => wanted === ANY_ID || wanted === given);
}

/** CRC-32/ISO-HDLC of the first bytes of a source. */
export function sourceCrc32(source: ByteSource, length: number): number {
  let crc = 0;
  for (let at = 0; at < length; at += PIECE_BYTES)
    crc = crc32(source.read(at, Math.min(PIECE_BYTES, length - at)), crc);
  return crc;
}
