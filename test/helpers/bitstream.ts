/** Bitstreams as Project IceStorm describes them (docs, "iCE40 Bitstream File Format"). */

/** A bitstream of a small FPGA that there is not, in the format of those that there are. @param seed of its content */
export function bitstream(seed: number, { sleeps = true } = {}): Uint8Array {
  const data = Array.from({ length: 64 }, (_, index) => (index * 37 + seed * 11) & 0xff);
  const commands = [0x51, 0x00, 0x01, 0x05];
  const options = [0x92, 0x00, sleeps ? 0x20 : 0x21];
  // 32 columns of 16 bits.
  const bank = [0x62, 0x00, 0x1f, 0x72, 0x00, 0x10, 0x82, 0x00, 0x00, 0x11, 0x00, 0x01, 0x01];
  const covered = [...options, ...bank, ...data, 0x00, 0x00, 0x22];
  const crc = crc16(covered);
  const comment = [0xff, 0x00, ...Buffer.from('test'), 0x00, 0x00, 0xff];
  return Uint8Array.from([
    ...comment,
    0x7e,
    0xaa,
    0x99,
    0x7e,
    ...commands,
    ...covered,
    crc >> 8,
    crc & 0xff,
    0x01,
    0x06,
    0x00,
  ]);
}

/** CRC-16-CCITT, by polynomial division over all bits at once. */
function crc16(bytes: readonly number[]): number {
  let value = BigInt(`0x${Buffer.from([...bytes, 0, 0]).toString('hex')}`);
  const length = BigInt(8 * (bytes.length + 2));
  // A start value of ones is the same as the first 16 bits inverted.
  value ^= 0xffffn << (length - 16n);
  for (let bit = length - 1n; bit >= 16n; bit--) {
    if (((value >> bit) & 1n) === 1n) value ^= 0x11021n << (bit - 16n);
  }
  return Number(value);
}
