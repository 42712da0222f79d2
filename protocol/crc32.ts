/**
 * CRC-32/ISO-HDLC (polynomial 04c11db7, reflected), the checksum of zlib, of frames, boot records and receipts, and
 * CRC-32C/iSCSI (1edc6f41, reflected; RFC 3720) for comparing sectors of a flash.
 *
 * Two, because a boot record ends with its own CRC-32: whatever is in it, the CRC-32 of a sector that holds it is the
 * same, while the CRC-32C is not.
 *
 * Eight bytes a step ("slicing-by-8", Kounavis and Berry, 2005): a receipt covers 128 KB of logits for every token.
 */

const ISO_HDLC = makeTables(0xedb88320);
const CASTAGNOLI = makeTables(0x82f63b78);

/**
 * CRC-32 of `bytes`, 0 … 2³²−1. `crc` is the result for the bytes before them, so pieces chain as with `zlib.crc32`.
 */
export function crc32(bytes: Uint8Array, crc = 0): number {
  return update(ISO_HDLC, bytes, crc);
}

/** CRC-32C of `bytes`, 0 … 2³²−1. */
export function crc32c(bytes: Uint8Array): number {
  return update(CASTAGNOLI, bytes, 0);
}

function update(tables: Int32Array, bytes: Uint8Array, crc: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = bytes.length;
  let register = ~crc;
  let at = 0;
  for (; at + 8 <= end; at += 8) {
    const low = register ^ view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    register =
      tables[1792 + (low & 255)]! ^
      tables[1536 + ((low >>> 8) & 255)]! ^
      tables[1280 + ((low >>> 16) & 255)]! ^
      tables[1024 + (low >>> 24)]! ^
      tables[768 + (high & 255)]! ^
      tables[512 + ((high >>> 8) & 255)]! ^
      tables[256 + ((high >>> 16) & 255)]! ^
      tables[high >>> 24]!;
  }
  for (; at < end; at++) register = (register >>> 8) ^ tables[(register ^ view.getUint8(at)) & 255]!;
  return ~register >>> 0;
}

/**
 * Entry 256·k + b: the CRC of byte b followed by k zero bytes, without the two inversions.
 *
 * @param polynomial reflected
 */
function makeTables(polynomial: number): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let register = byte;
    for (let bit = 0; bit < 8; bit++) register = (register >>> 1) ^ (register & 1 ? polynomial : 0);
    tables[byte] = register;
  }
  for (let entry = 256; entry < tables.length; entry++) {
    const shorter = tables[entry - 256]!;
    tables[entry] = (shorter >>> 8) ^ tables[shorter & 255]!;
  }
  return tables;
}
