/**
 * What is learned must not be measured: documents of the text that are held-out ones too. Editions differ in a word
 * here and there, so the same beginning and end are enough.
 */
import { createHash } from 'node:crypto';
import type { TextPiece } from './text-pieces.js';

/** Characters of the end that count. */
const END = 200;

/**
 * What a document is recognised by: all of it, and its first line with its last characters; space around is nothing.
 */
export class DocumentMarks {
  readonly #hash = createHash('sha256');
  #firstLine = '';
  #hasFirstLine = false;
  #end = '';
  /** White space that is in the document only if something follows. */
  #space = '';

  add(piece: string): void {
    const text = this.#end === '' ? piece.trimStart() : piece;
    const kept = text.trimEnd();
    const added = kept === '' ? '' : this.#space + kept;
    this.#space = kept === '' ? this.#space + text : text.slice(kept.length);
    if (added === '') return;
    this.#hash.update(added);
    this.#end = (this.#end + added).slice(-END);
    if (this.#hasFirstLine) return;
    const lineEnd = added.indexOf('\n');
    this.#firstLine += lineEnd < 0 ? added : added.slice(0, lineEnd);
    this.#hasFirstLine = lineEnd >= 0;
  }

  /** Nothing may be added behind it. */
  get all(): readonly string[] {
    const frame = createHash('sha256').update(`${this.#firstLine.trim()}\n${this.#end}`).digest('base64');
    return [`text ${this.#hash.digest('base64')}`, `frame ${frame}`];
  }
}

/** The marks of all documents. */
export async function marksOf(pieces: AsyncIterable<TextPiece>): Promise<ReadonlySet<string>> {
  const all = new Set<string>();
  let marks = new DocumentMarks();
  for await (const { text, isLast } of pieces) {
    marks.add(text);
    if (!isLast) continue;
    for (const mark of marks.all) all.add(mark);
    marks = new DocumentMarks();
  }
  return all;
}
