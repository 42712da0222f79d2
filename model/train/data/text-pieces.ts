/**
 * Texts that users name → pieces of their documents: files, folders, JSON Lines, standard input. However long the texts
 * are, one piece is in memory.
 *
 * In text, documents end at lines that are `<|endoftext|>`, as for `eval`; in a `.jsonl` file each line is one. A piece
 * ends in front of white space that something else follows: there, words end in any case. Untrusted: what is not text
 * is refused, and nothing is read without a bound.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readAnyInPieces } from '../../files/input-file.js';
import { isJsonObject } from '../../json-object.js';
import { DOCUMENT_END } from '../../measure/windows.js';
import { WHITE_SPACE } from '../../text/unicode-classes.js';
import { STATE_FILE } from '../run/state-file.js';
import { badText, noText } from '../train-error.js';

/** Characters of a piece, about. */
const PIECE = 4 << 20;
/** No line of prose is so long; one word of many megabytes would take minutes to encode. */
const MAX_LINE_CHARACTERS = 1 << 20;
/** Of a line of a `.jsonl` file, which is a document. */
const MAX_JSON_CHARACTERS = 64 << 20;
/** White space of which more makes no other words: longer than a word may be. */
const MOST_SPACE = 1024;

/** What is read of a folder. */
const ENDINGS = ['.txt', '.md', '.jsonl'];

const SPACE = new RegExp(`[${WHITE_SPACE}]`, 'u');
const LONG_SPACE = new RegExp(`[${WHITE_SPACE}]{${MOST_SPACE},}`, 'gu');

export interface TextPiece {
  readonly text: string;
  /** Whether its document ends with it. */
  readonly isLast: boolean;
}

/**
 * Pieces of all documents in the order of the sources, none of which is blank.
 *
 * @param bytesOf how a file is read
 * @throws TrainError; FileError; AbortError
 */
export async function* textPieces(
  sources: readonly string[],
  signal: AbortSignal,
  bytesOf = (path: string): AsyncIterable<Uint8Array> => readAnyInPieces(path, signal),
): AsyncGenerator<TextPiece> {
  let isEmpty = true;
  for (const source of sources) {
    for (const path of await filesOf(source)) {
      for await (const piece of piecesOf(path, bytesOf(path))) {
        isEmpty = false;
        yield piece;
      }
    }
  }
  if (isEmpty) throw noText(sources);
}

/**
 * Of a folder all that may be text, in the order of their names, whatever the file system's; nothing that a run of
 * training has left, which may be in a folder among its texts.
 */
async function filesOf(source: string): Promise<string[]> {
  if (source === '-' || !(await stat(source)).isDirectory()) return [source];
  const entries = await readdir(source, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
  const names = files.map(({ parentPath, name }) => join(parentPath, name));
  const runs = new Set(names.filter((name) => basename(name) === STATE_FILE).map((name) => dirname(name)));
  return names.filter((name) => ENDINGS.some((ending) => name.endsWith(ending)) && !runs.has(dirname(name))).toSorted();
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

/** Of a `.jsonl` file. @throws TrainError */
function textOfLine(path: string, line: string, number: number): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw badText(path, `has no JSON in line ${number}`);
  }
  if (!isJsonObject(value) || typeof value['text'] !== 'string') throw badText(path, `has no text in line ${number}`);
  return value['text'];
}

/** Of a document that came in one line. @throws TrainError */
function checkLines(path: string, document: string): void {
  for (let start = 0; start < document.length;) {
    const end = document.indexOf('\n', start);
    if ((end < 0 ? document.length : end) - start > MAX_LINE_CHARACTERS) {
      throw badText(path, `has a line of more than ${MAX_LINE_CHARACTERS} characters`);
    }
    if (end < 0) return;
    start = end + 1;
  }
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
    while (this.#text.length > this.#most) {
      const place = placeToCut(this.#text, this.#most);
      if (place === 0) {
        this.#text = this.#text.replaceAll(LONG_SPACE, (space) => space.slice(-MOST_SPACE));
        return;
      }
      yield { text: this.#text.slice(0, place), isLast: false };
      this.#text = this.#text.slice(place);
      this.#isCut = true;
    }
  }

  *end(): Generator<TextPiece> {
    if (this.#isCut || this.#text.trim() !== '') yield { text: this.#text, isLast: true };
    this.#text = '';
    this.#isBegun = false;
    this.#isCut = false;
  }
}

/** The last place up to `most` in front of white space that something else follows, or the first one; 0: none. */
function placeToCut(text: string, most: number): number {
  const isPlace = (at: number): boolean => isSpace(text[at]) && !isSpace(text[at + 1]);
  for (let at = Math.min(most, text.length - 2); at > 0; at--) if (isPlace(at)) return at;
  for (let at = most + 1; at < text.length - 1; at++) if (isPlace(at)) return at;
  return 0;
}

const isSpace = (character: string): boolean => SPACE.test(character);
