/**
 * Writes model/text/unicode-classes.ts: which characters the published tokenizers take for letters and numbers.
 *
 * Asked of the Rust library itself (the development dependency `tokenizers`), a character at a time: its tables decide,
 * and they are older than those of some versions of Node and newer than those of others.
 */

import { writeFileSync } from 'node:fs';
import { byteLevelPreTokenizer } from 'tokenizers';
import { format, resolveConfig } from 'prettier';

const FILE = new URL('../model/text/unicode-classes.ts', import.meta.url);
const COLUMNS = 100;

const words = byteLevelPreTokenizer(false, true);

/** Whether `character` goes on the word that `first` begins. */
const joins = (first, character) => words.preTokenizeString(first + character).length === 1;

/** Runs of the characters that go on a word, as base 36: distance from the end of the last run, length - 1. */
function runs(first) {
  const numbers = [];
  let end = 0;
  for (let code = 0; code < 0x110000; code++) {
    const isSurrogate = code >= 0xd800 && code < 0xe000;
    if (isSurrogate || !joins(first, String.fromCodePoint(code))) continue;
    if (code === end && numbers.length > 0) numbers[numbers.length - 1]++;
    else numbers.push(code - end, 0);
    end = code + 1;
  }
  return numbers.map((number) => number.toString(36)).join(' ');
}

/** A constant that fills lines. */
function constant(name, text) {
  const lines = text.match(new RegExp(`.{1,${COLUMNS}}(?: |$)`, 'g'));
  return `const ${name} =\n${lines.map((line) => `  '${line}'`).join(' +\n')};`;
}

const source = `/**
 * Letters and numbers as the published tokenizers see them: \\\\p{L} and \\\\p{N} of Unicode 16.0, the tables of the
 * Rust library tokenizers 0.23.2. Node's own are 15.0 in 20.0.0 and 17.0 in 20.20.2, and a prompt must have the same
 * ids on each. White space has not changed since Unicode 6.3.
 *
 * Written by scripts/unicode-classes.mjs.
 */

/** Runs of code points, in base 36: distance from the end of the run before, length - 1. */
${constant('LETTER_RUNS', runs('a'))}

${constant('NUMBER_RUNS', runs('1'))}

/** For a class in a regular expression with the flag \`u\`. */
export const LETTERS: string = ranges(LETTER_RUNS);
export const NUMBERS: string = ranges(NUMBER_RUNS);
export const WHITE_SPACE =
  '\\\\t-\\\\r \\\\u0085\\\\u00a0\\\\u1680\\\\u2000-\\\\u200a\\\\u2028\\\\u2029\\\\u202f\\\\u205f\\\\u3000';

function ranges(runs: string): string {
  const numbers = runs.split(' ').map((number) => Number.parseInt(number, 36));
  let text = '';
  let end = 0;
  for (let i = 0; i < numbers.length; i += 2) {
    const start = end + numbers[i];
    end = start + numbers[i + 1] + 1;
    text += \`\\\\u{\${start.toString(16)}}-\\\\u{\${(end - 1).toString(16)}}\`;
  }
  return text;
}
`;
const options = await resolveConfig(FILE);
writeFileSync(FILE, await format(source.replaceAll('\\\\p{', '\\p{'), { ...options, parser: 'typescript' }));
