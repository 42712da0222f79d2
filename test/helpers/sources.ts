/** Byte sources for tests: one that keeps count, and one of any length that is mostly zeros. */

import type { ByteSource } from '../../protocol/byte-source.js';

/** A source that counts what is read from it. */
export interface CountingSource extends ByteSource {
  reads: number;
  bytesRead: number;
}

/** Counts the reads of `source`. */
export function counting(source: ByteSource): CountingSource {
  return {
    length: source.length,
    reads: 0,
    bytesRead: 0,
    read(offset, length) {
      this.reads++;
      this.bytesRead += length;
      return source.read(offset, length);
    },
  };
}

/** Zeros, except for the given bytes at the given offsets. */
export function sparseSource(length: number, pieces: ReadonlyMap<number, Uint8Array>): ByteSource {
  return {
    length,
    read(offset, count) {
      if (offset + count > length) throw new RangeError(`bytes ${offset} … ${offset + count} of ${length}`);
      const bytes = new Uint8Array(count);
      for (const [start, piece] of pieces) {
        const from = Math.max(start, offset);
        const to = Math.min(start + piece.length, offset + count);
        if (from < to) bytes.set(piece.subarray(from - start, to - start), from - offset);
      }
      return bytes;
    },
  };
}
