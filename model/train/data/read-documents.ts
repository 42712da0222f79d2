/**
 * Texts that users name → documents: files, folders, JSON Lines, standard input.
 *
 * In text, documents end at lines that are `<|endoftext|>`, as for `eval`; in a `.jsonl` file each line is one.
 * Untrusted: what is not text is refused, and nothing is read without a bound.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readAny } from '../../files/input-file.js';
import { isJsonObject } from '../../json-object.js';
import { documents } from '../../measure/windows.js';
import { badText, noText } from '../train-error.js';

/** Of one file. A string has at most 2²⁹ characters. */
const MAX_FILE_BYTES = 448 << 20;
/** No line of prose is so long; one word of many megabytes would take minutes to encode. */
export const MAX_LINE_CHARACTERS = 1 << 20;
const ENDINGS = ['.txt', '.md', '.jsonl'];

/** All documents in the order of the sources, none empty. @throws TrainError; FileError; AbortError */
export async function readDocuments(sources: readonly string[], signal: AbortSignal): Promise<string[]> {
  const found: string[] = [];
  for (const source of sources) {
    for (const path of await filesOf(source)) {
      const text = await readText(path, signal);
      for (const document of path.endsWith('.jsonl') ? jsonDocuments(path, text) : documents(text)) {
        if (document.trim() === '') continue;
        checkLines(path, document);
        found.push(document);
      }
    }
  }
  if (found.length === 0) throw noText(sources);
  return found;
}

/** Of a folder all that may be text, in the order of their names, whatever the file system's. */
export async function filesOf(source: string): Promise<string[]> {
  if (source === '-' || !(await stat(source)).isDirectory()) return [source];
  const names = await readdir(source, { recursive: true });
  return names
    .filter((name) => ENDINGS.some((ending) => name.endsWith(ending)))
    .toSorted()
    .map((name) => join(source, name));
}

async function readText(path: string, signal: AbortSignal): Promise<string> {
  const bytes = await readAny(path, { limitBytes: MAX_FILE_BYTES, signal });
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badText(path, 'is not UTF-8 text');
  }
  if (text.includes('\0')) throw badText(path, 'is a binary file');
  return text.replaceAll('\r\n', '\n');
}

function* jsonDocuments(path: string, text: string): Generator<string> {
  let number = 0;
  for (const line of text.split('\n')) {
    number++;
    if (line.trim() === '') continue;
    yield textOfLine(path, line, number);
  }
}

/** Of a `.jsonl` file. @throws TrainError */
export function textOfLine(path: string, line: string, number: number): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw badText(path, `has no JSON in line ${number}`);
  }
  if (!isJsonObject(value) || typeof value['text'] !== 'string') throw badText(path, `has no text in line ${number}`);
  return value['text'];
}

export function checkLines(path: string, document: string): void {
  if (document.length <= MAX_LINE_CHARACTERS) return;
  for (let start = 0; start < document.length;) {
    const end = document.indexOf('\n', start);
    if ((end < 0 ? document.length : end) - start > MAX_LINE_CHARACTERS) {
      throw badText(path, `has a line of more than ${MAX_LINE_CHARACTERS} characters`);
    }
    if (end < 0) return;
    start = end + 1;
  }
}
