/** Small JSON files that come with a model. */

/**
 * The object in `bytes`, for files of at most a megabyte: `JSON.parse` takes 80 ms and no stack for the worst of those.
 * Of equal keys the last one counts, as in Python.
 *
 * @throws SyntaxError or TypeError when `bytes` is not UTF-8, not JSON or not an object
 */
export function parseJsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  if (!isJsonObject(value)) throw new TypeError('It holds another kind of JSON value than an object.');
  return value;
}

/**
 * As `parseJsonObject`, of a file that Python wrote: its `json` module writes NaN, Infinity and -Infinity, which JSON
 * does not have, and reads them. They become the numbers that they name.
 *
 * @throws SyntaxError or TypeError as `parseJsonObject`; RangeError when such a file is nested deeper than the stack
 */
export function parsePythonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  const spelt = spellNumbers(text);
  if (spelt === undefined) return parseJsonObject(bytes);
  const value: unknown = JSON.parse(spelt, (_key, inner: unknown) => (inner === NOT_A_NUMBER ? NaN : inner));
  if (!isJsonObject(value)) throw new TypeError('It holds another kind of JSON value than an object.');
  return value;
}

/** Stands for NaN while the text is parsed. Where a number is expected, this string would be refused as NaN is. */
const NOT_A_NUMBER = '\0NaN';

/** With space around, so that no digit or letter beside a word becomes part of it. */
const SPELLINGS: ReadonlyMap<string, string> = new Map([
  ['NaN', ` ${JSON.stringify(NOT_A_NUMBER)} `],
  ['Infinity', ' 1e999 '],
  ['-Infinity', ' -1e999 '],
]);

/** `text` with Python's words for numbers in terms of JSON; undefined if there are none. */
function spellNumbers(text: string): string | undefined {
  let result = '';
  let done = 0;
  let isInString = false;
  for (const { 0: word, index } of text.matchAll(/\\[^]|"|-?Infinity|NaN/g)) {
    if (word === '"') isInString = !isInString;
    const spelling = isInString ? undefined : SPELLINGS.get(word);
    if (spelling === undefined) continue;
    result += text.slice(done, index) + spelling;
    done = index + word.length;
  }
  return done === 0 ? undefined : result + text.slice(done);
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
