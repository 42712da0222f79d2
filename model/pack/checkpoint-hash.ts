/**
 * The identity of a checkpoint: SHA-256 over the SHA-256 of config, tokenizer and every tensor (docs/IMAGE.md, section
 * 3).
 */
import { createHash, type Hash } from 'node:crypto';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { expectedTensors } from '../checkpoint/tensor-names.js';
import { tensorInfo } from '../checkpoint/tensor-source.js';

/** Bytes hashed at a time where a tensor is read for its hash alone. */
const HASH_PIECE_BYTES = 4 << 20;

/** Who watches the bytes go by. */
interface Watcher {
  /** Bytes of the checkpoint read so far, and in all. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** Ends the work with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Hashes what the packer reads anyway, and reads the rest; so it also counts the progress. */
export class CheckpointHash {
  readonly totalBytes: number;
  readonly #checkpoint: Checkpoint;
  readonly #watcher: Watcher;
  readonly #tensors = new Map<string, Hash>();
  #doneBytes = 0;

  constructor(checkpoint: Checkpoint, watcher: Watcher) {
    this.#checkpoint = checkpoint;
    this.#watcher = watcher;
    this.totalBytes = [...checkpoint.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Feeds the bytes of one tensor, in order. */
  tensor(name: string): (bytes: Uint8Array) => void {
    const hash = createHash('sha256');
    this.#tensors.set(name, hash);
    return (bytes) => {
      hash.update(bytes);
      this.#doneBytes += bytes.length;
      this.#watcher.signal?.throwIfAborted();
      this.#watcher.onProgress?.(this.#doneBytes, this.totalBytes);
    };
  }

  /** Reads the tensors that nobody fed, and combines. */
  async digest(): Promise<Uint8Array> {
    const { config, configJson, tokenizerJson } = this.#checkpoint;
    const parts = createHash('sha256').update(digestOf(configJson));
    if (tokenizerJson) parts.update(digestOf(tokenizerJson));
    for (const name of expectedTensors(config).keys()) {
      if (!this.#tensors.has(name)) await this.#readTensor(name);
      parts.update(this.#tensors.get(name)?.digest() ?? '');
    }
    return parts.digest();
  }

  async #readTensor(name: string): Promise<void> {
    const feed = this.tensor(name);
    const { byteLength } = tensorInfo(this.#checkpoint, name);
    const piece = new Uint8Array(Math.min(HASH_PIECE_BYTES, byteLength));
    for (let offset = 0; offset < byteLength; offset += piece.length) {
      const bytes = piece.subarray(0, byteLength - offset);
      await this.#checkpoint.readRaw(name, offset, bytes);
      feed(bytes);
    }
  }
}

function digestOf(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
