/** Bytes as they come from a socket, taken out in the pieces that a protocol has. */

export class ByteQueue {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  get length(): number {
    return this.#bytes.length - this.#at;
  }

  push(bytes: Buffer): void {
    const isEmpty = this.length === 0;
    this.#bytes = isEmpty ? bytes : Buffer.concat([this.#bytes.subarray(this.#at), bytes]);
    this.#at = 0;
  }

  /** The next bytes, not taken yet; undefined if there are fewer. */
  peek(length: number): Buffer | undefined {
    return this.length < length ? undefined : this.#bytes.subarray(this.#at, this.#at + length);
  }

  take(length: number): Buffer | undefined {
    const bytes = this.peek(length);
    if (bytes !== undefined) this.#at += length;
    return bytes;
  }
}
