/**
 * Texts that users name → pieces of their documents, for whoever only counts words: however long the texts are, one
 * piece is in memory. What is refused is what `readDocuments` refuses, but for the length of a file.
 *
 * A piece ends in front of white space that something else follows: there, words end in any case.
 */
import { readAnyInPieces } from '../../files/input-file.js';
import { DOCUMENT_END } from '../../measure/windows.js';
import { WHITE_SPACE } from '../../text/unicode-classes.js';
import { badText, noText } from '../train-error.js';
import { checkLines, filesOf, MAX_LINE_CHARACTERS, textOfLine } from './read-documents.js';

/** Characters of a piece, about. */
const PIECE = 4 << 20;
/** Of a line of a `.jsonl` file, which is a document. */
const MAX_JSON_CHARACTERS = 64 << 20;
/** White space of which more makes no other words: longer than a word may be. */
const MOST_SPACE = 1024;

const SPACE = new RegExp(`[${WHITE_SPACE}]`, 'u');
const LONG_SPACE = new RegExp(`[${WHITE_SPACE}]{${MOST_SPACE},}`, 'gu');

export interface TextPiece {
  readonly text: string;
  /** Whether its document ends with it. */
  readonly isLast: boolean;
}

/** Pieces of all documents in the order of the sources. @throws TrainError; FileError; AbortError */
export async function* textPieces(sources: readonly string[], signal: AbortSignal): AsyncGenerator<TextPiece> {
  let isEmpty = true;
  for (const source of sources) {
    for (const path of await filesOf(source)) {
      for await (const piece of piecesOf(path, readAnyInPieces(path, signal))) {
        isEmpty = false;
        yield piece;
      }
    }
  }
  if (isEmpty) throw noText(sources);
}

/** Of one file. @param most characters of a piece, about */
export async function* piecesOf(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  most = PIECE,
): AsyncGenerator<TextPiece> {
  const cutter = new Cutter(most);
  let number = 0;
  const isJson = path.endsWith('.jsonl');
  for await (const line of linesOf(path, chunks, isJson ? MAX_JSON_CHARACTERS : MAX_LINE_CHARACTERS)) {
    number++;
    if (!isJson) {
      yield* line === DOCUMENT_END ? cutter.end() : cutter.line(line);
    } else if (line.trim() !== '') {
      const document = textOfLine(path, line, number);
      checkLines(path, document);
      yield* cutter.line(document);
      yield* cutter.end();
    }
  }
  yield* cutter.end();
}

/** @throws TrainError for what is not text, or longer than `most` characters */
async function* linesOf(path: string, chunks: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decoded = (chunk?: Uint8Array): string => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch {
      throw badText(path, 'is not UTF-8 text');
    }
  };
  let rest = '';
  for await (const chunk of chunks) {
    if (chunk.includes(0)) throw badText(path, 'is a binary file');
    const lines = decoded(chunk).split('\n');
    lines[0] = rest + lines[0];
    rest = lines.pop() ?? '';
    for (const line of [...lines, rest]) {
      if (line.length > most) throw badText(path, `has a line of more than ${most} characters`);
    }
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  yield rest + decoded();
}

/** Lines → pieces of the document that they make. */
class Cutter {
  readonly #most: number;
  #text = '';
  #isBegun = false;
  /** Whether a piece of it is there already: then it is not blank. */
  #isCut = false;

  constructor(most: number) {
    this.#most = most;
  }

  *line(line: string): Generator<TextPiece> {
    this.#text += this.#isBegun ? `\n${line}` : line;
    this.#isBegun = true;
    if (this.#text.length <= this.#most) return;
    const place = lastCut(this.#text);
    if (place > 0) {
      yield { text: this.#text.slice(0, place), isLast: false };
      this.#text = this.#text.slice(place);
      this.#isCut = true;
    } else {
      this.#text = this.#text.replaceAll(LONG_SPACE, (space) => space.slice(-MOST_SPACE));
    }
  }

  *end(): Generator<TextPiece> {
    if (this.#isCut || this.#text.trim() !== '') yield { text: this.#text, isLast: true };
    this.#text = '';
    this.#isBegun = false;
    this.#isCut = false;
  }
}

/** The last place in front of white space that something else follows; 0 if there is none. */
function lastCut(text: string): number {
  for (let at = text.length - 2; at > 0; at--) {
    if (isSpace(text[at]) && !isSpace(text[at + 1])) return at;
  }
  return 0;
}

const isSpace = (character: string): boolean => SPACE.test(character);
