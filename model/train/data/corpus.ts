/** Text to learn from: what is in it, without what is held out. Only which documents those are is in memory. */
import { DocumentMarks } from './held-out.js';
import type { TextPiece } from './text-pieces.js';
import type { TextSource } from './text-source.js';

export interface Corpus {
  /** All of them, those that are held out too. */
  readonly documents: number;
  readonly leftOut: number;
  /** That are learned. */
  readonly characters: number;
  /** What is learned, from the beginning. */
  readonly pieces: () => AsyncIterable<TextPiece>;
}

/**
 * Reads all of it once, which finds whatever is no text.
 *
 * @param heldOut marks of documents that are not learned
 * @throws TrainError; FileError; AbortError; the operating system's error
 */
export async function surveyed(source: TextSource, heldOut?: ReadonlySet<string>): Promise<Corpus> {
  const leftOut = new Set<number>();
  let [documents, characters, length] = [0, 0, 0];
  let marks = new DocumentMarks();
  for await (const { text, isLast, document } of source.pieces()) {
    length += text.length;
    if (heldOut) marks.add(text);
    if (!isLast) continue;
    documents++;
    if (heldOut && marks.all.some((mark) => heldOut.has(mark))) leftOut.add(document);
    else characters += length;
    length = 0;
    marks = new DocumentMarks();
  }
  const pieces = async function* (): AsyncGenerator<TextPiece> {
    for await (const piece of source.pieces()) if (!leftOut.has(piece.document)) yield piece;
  };
  return { documents, leftOut: leftOut.size, characters, pieces };
}
