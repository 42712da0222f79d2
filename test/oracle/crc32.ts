/** CRC-32/ISO-HDLC bit by bit (reflected polynomial 0xEDB88320, start and end inverted), and the CRC of a vector. */

/** The CRC as an unsigned number. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** CRC of values as little-endian int32 (docs/ARITHMETIC.md, section 7). */
export function crc32OfInt32(values: readonly bigint[]): number {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [index, value] of values.entries()) view.setInt32(4 * index, Number(value), true);
  return crc32(new Uint8Array(view.buffer));
}
