/** Tokens of the core in C against the reference: the shipped tokenizer, and texts of ASCII as they may be typed. */

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../model/text/tokenizer.js';
import { memorySource } from '../../protocol/byte-source.js';
import { openImage } from '../../protocol/image/image-reader.js';
import { compileFirmware, HAS_C_COMPILER } from '../helpers/c-compiler.js';
import { TALES_IMAGE, temporaryFolder } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { Prng } from '../oracle/prng.js';

const TEXTS = count(40, 5000);
const MOST_PIECES = 24;
const VOCAB = 4096;
/** Beside random printable characters. */
const PIECES = [
  'Once upon a time',
  ' there was',
  ' a little',
  ' girl',
  'The',
  'dragon',
  ' ',
  '  ',
  "'s",
  "don't",
  "we'll",
  "I'M",
  '12',
  ' 2026',
  '.',
  '...',
  '?!',
  ',',
  ' "',
  '\t',
  ' \t ',
  'xyzzy',
  'ZZ',
  '(',
  ')',
  '-',
  '_a1',
  'ing',
  ' and',
  'tion',
];

describe.skipIf(!HAS_C_COMPILER)('the tokenizer of the core', () => {
  const at = temporaryFolder();

  it('gives the tokens of the reference, and their bytes', { timeout: 600_000 }, async () => {
    const image = readFileSync(TALES_IMAGE);
    const { offset, length } = openImage(memorySource(image)).sections.tokenizer;
    const json = image.subarray(offset, offset + length);
    writeFileSync(at('tokenizer.json'), json);
    const reference = await loadTokenizer(json, { vocabSize: VOCAB, bosTokenId: 0, eosTokenId: 0 });
    const random = new Prng(1);
    const texts = Array.from({ length: TEXTS }, () => textOf(random));
    const program = await compileFirmware('encode', at('.'));
    const { status, stdout } = spawnSync(program, [at('tokenizer.json'), String(VOCAB)], {
      input: texts.map((text) => `${text}\n`).join(''),
      maxBuffer: 2 ** 28,
    });
    expect(status).toBe(0);
    const expected = texts.map((text) => [Buffer.from(text).toString('hex'), ...reference.encode(text)].join(' '));
    expect(stdout.toString().split('\n').slice(0, -1)).toEqual(expected);
    figure('firmware: texts whose tokens are those of the reference', String(TEXTS));
  });
});

function textOf(random: Prng): string {
  const pieces = Array.from({ length: random.between(1, MOST_PIECES) }, () =>
    random.between(0, 3) === 0
      ? String.fromCodePoint(random.between(0x20, 0x7e))
      : PIECES[random.between(0, PIECES.length - 1)]!,
  );
  return pieces.join('').slice(0, 119);
}
