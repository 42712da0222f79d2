/** Random access to bytes that may not fit in memory: a file, a flash, or an array. */

/** Bytes that do not change while they are read. */
export interface ByteSource {
  readonly length: number;
  /**
   * Exactly `length` bytes from `offset` on. The caller only reads the result, and only until its next call.
   *
   * @throws RangeError if they are not all inside the source
   */
  read(offset: number, length: number): Uint8Array;
}

/** A source over an array, without copying it. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    length: bytes.length,
    read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > bytes.length) {
        throw new RangeError(`bytes ${offset} … ${offset + length} of ${bytes.length} do not exist`);
      }
      return bytes.subarray(offset, offset + length);
    },
  };
}
