/**
 * Texts that are read several times: to see what is in them, to make a tokenizer, to encode them. What comes from a
 * pipe is written to a temporary file while it is read first; regular files are read again.
 */
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readAnyInPieces } from '../../files/input-file.js';
import { temporaryFolder } from '../../files/temporary-folder.js';
import { badText } from '../train-error.js';
import { textPieces, type TextPiece } from './text-pieces.js';

export interface DocumentPiece extends TextPiece {
  /** Which document it is of, counted from 0. */
  readonly document: number;
}

/** It ends with `close`. */
export class TextSource {
  readonly #sources: readonly string[];
  readonly #signal: AbortSignal;
  /** Of what comes from a pipe, and is there as a whole. */
  readonly #copies = new Map<string, string>();
  #folder: Awaited<ReturnType<typeof temporaryFolder>> | undefined;
  /** What the first reading found. */
  #found: string | undefined;

  /** @param sources files, folders, `-` for standard input @param signal ends each reading */
  constructor(sources: readonly string[], signal: AbortSignal) {
    this.#sources = sources;
    this.#signal = signal;
  }

  /** All of it once more. @throws TrainError; FileError; AbortError; the operating system's error */
  async *pieces(): AsyncGenerator<DocumentPiece> {
    let document = 0;
    let characters = 0;
    for await (const piece of textPieces(this.#sources, this.#signal, (path) => this.#bytesOf(path))) {
      yield { ...piece, document };
      characters += piece.text.length;
      if (piece.isLast) document++;
    }
    const found = `${document} documents of ${characters} characters`;
    this.#found ??= found;
    if (this.#found !== found) throw badText(this.#sources.join(', '), 'changed while it was read');
  }

  async close(): Promise<void> {
    await this.#folder?.remove();
  }

  async *#bytesOf(path: string): AsyncGenerator<Uint8Array> {
    const copy = this.#copies.get(path);
    if (copy !== undefined || (path !== '-' && (await stat(path)).isFile())) {
      yield* readAnyInPieces(copy ?? path, this.#signal);
      return;
    }
    this.#folder ??= await temporaryFolder('texts');
    const target = join(this.#folder.path, String(this.#copies.size));
    const handle = await open(target, 'wx');
    try {
      for await (const bytes of readAnyInPieces(path, this.#signal)) {
        await handle.writeFile(bytes);
        yield bytes;
      }
    } finally {
      await handle.close();
    }
    this.#copies.set(path, target);
  }
}
