/** Pieces of a stream, taken out in other pieces. */

export class ByteQueue {
  #pieces: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** The first `length` bytes, which stay; undefined if there are not so many. */
  peek(length: number): Uint8Array | undefined {
    if (this.#length < length) return undefined;
    const [first] = this.#pieces;
    if (first !== undefined && first.length >= length) return first.subarray(0, length);
    this.#pieces = [new Uint8Array(Buffer.concat(this.#pieces))];
    return this.peek(length);
  }

  /** Drops the first `length` bytes, of those that were peeked at. */
  skip(length: number): void {
    const [first] = this.#pieces;
    this.#length -= length;
    if (first === undefined || first.length === length) this.#pieces.shift();
    else this.#pieces[0] = first.subarray(length);
  }
}
