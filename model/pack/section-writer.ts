/** Sections of an image under construction: written where the plan puts them, hashed on the way. */
import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { imageUnwritable } from '../../protocol/image/image-error.js';
import type { ImagePlan } from '../../protocol/image/image-writer.js';
import { SECTION_NAMES, type SectionName } from '../../protocol/image/model-shape.js';
import { writeFully } from '../files/write-fully.js';

/** Writes sections piece by piece at their places and hashes them. */
export class SectionWriter {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #plan: ImagePlan;
  readonly #hashes = new Map<SectionName, { readonly hash: Hash; bytes: number }>(
    SECTION_NAMES.map((name) => [name, { hash: createHash('sha256'), bytes: 0 }]),
  );

  constructor(file: FileHandle, path: string, plan: ImagePlan) {
    this.#file = file;
    this.#path = path;
    this.#plan = plan;
  }

  /** Writes the next bytes of a section. @throws ImageError `image-unwritable` */
  async append(name: SectionName, bytes: Uint8Array): Promise<void> {
    const section = this.#hashes.get(name);
    const place = this.#plan.layout.sections[name];
    if (!section || section.bytes + bytes.length > place.length) throw new RangeError(`section ${name} is too long`);
    await this.write(place.offset + section.bytes, bytes);
    section.hash.update(bytes);
    section.bytes += bytes.length;
  }

  /** Writes bytes anywhere in the file. @throws ImageError `image-unwritable` */
  async write(offset: number, bytes: Uint8Array): Promise<void> {
    try {
      await writeFully(this.#file, bytes, offset);
    } catch (cause) {
      throw imageUnwritable(this.#path, cause);
    }
  }

  /** SHA-256 of every section, when all are complete. */
  digests(): Record<SectionName, Uint8Array> {
    const digest = (name: SectionName): Uint8Array => {
      const section = this.#hashes.get(name);
      if (!section || section.bytes !== this.#plan.layout.sections[name].length) {
        throw new RangeError(`section ${name} is too short`);
      }
      return section.hash.digest();
    };
    return {
      tables: digest('tables'),
      vectors: digest('vectors'),
      embedding: digest('embedding'),
      ternary: digest('ternary'),
      tokenizer: digest('tokenizer'),
    };
  }
}
