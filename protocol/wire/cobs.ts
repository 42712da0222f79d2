/**
 * Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999): the bytes of a frame without zeros, so that a zero can
 * end it. One byte in front, and one more for every 254.
 *
 * A code byte n stands for n − 1 bytes that are not zero and, unless n is 255 or the block is the last, a zero.
 */

const FULL_BLOCK = 255;

/** Most bytes that `length` bytes become. */
export function cobsBound(length: number): number {
  return length + Math.max(1, Math.ceil(length / (FULL_BLOCK - 1)));
}

/**
 * Writes the encoding of `source` to the start of `target`, without the delimiter, and returns its length.
 *
 * @param target another array, with room for {@link cobsBound} bytes
 */
export function cobsEncode(source: Uint8Array, target: Uint8Array): number {
  let codeAt = 0;
  let at = 1;
  for (let index = 0; index < source.length; index++) {
    const byte = source[index]!;
    if (byte !== 0) target[at++] = byte;
    const code = at - codeAt;
    // A full block at the end needs no empty one after it.
    if (byte === 0 || (code === FULL_BLOCK && index + 1 < source.length)) {
      target[codeAt] = code;
      codeAt = at++;
    }
  }
  target[codeAt] = at - codeAt;
  return at;
}

/**
 * Writes what `source` encodes to the start of `target` and returns its length; undefined if it encodes nothing.
 *
 * An empty block after a full last one, which the paper's encoder writes and others leave out, makes no difference.
 *
 * @param source without the delimiter
 * @param target as long as `source`; may be `source` itself
 */
export function cobsDecode(source: Uint8Array, target: Uint8Array): number | undefined {
  let length = 0;
  for (let at = 0; at < source.length;) {
    const code = source[at]!;
    const end = at + code;
    if (code === 0 || end > source.length) return undefined;
    while (++at < end) {
      const byte = source[at]!;
      if (byte === 0) return undefined;
      target[length++] = byte;
    }
    if (code < FULL_BLOCK && at < source.length) target[length++] = 0;
  }
  return source.length === 0 ? undefined : length;
}
