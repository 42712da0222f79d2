import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { documents as documentsOf } from '../../../../model/measure/windows.js';
import { piecesOf, textPieces, type TextPiece } from '../../../../model/train/data/text-pieces.js';
import { tokenizerOf, WordCounts } from '../../../../model/train/tokenizer/train-bpe.js';
import { temporaryFolder } from '../../../helpers/command-line.js';

const path = temporaryFolder();
const signal = new AbortController().signal;

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function collected(pieces: AsyncIterable<TextPiece>): Promise<TextPiece[]> {
  const all: TextPiece[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}

/** White space of all kinds between words, letters of several bytes, documents that are blank. */
const SPACES = [' ', '  ', '\n', '\n\n', ' \n', '\n  ', '\t', '\r\n', '\u00a0', '\u0085', ' \n\n\t ', '\ufeff'];
const TEXT = Array.from({ length: 400 }, (_, k) => {
  const word = ["it's", '漢字', '🦊', '12x', '…', 'hen'][(k * k) % 6]!;
  return `${word}${SPACES[(k * 7) % SPACES.length]!}${k % 41 === 0 ? '\n<|endoftext|>\n' : ''}`;
}).join('');

describe('pieces of a text', () => {
  it.each([
    [7, 20],
    [1000, 64],
    [3, 1 << 20],
  ])('read by %i bytes, of %i characters, have the words of its documents', async (chunk, most) => {
    const documents = [...documentsOf(TEXT.replaceAll('\r\n', '\n'))].filter((document) => document.trim() !== '');
    const pieces = await collected(piecesOf('text.txt', chunksOf(Buffer.from(TEXT), chunk), most));
    expect(pieces.filter(({ isLast }) => isLast).length).toBe(documents.length);
    const texts: string[] = [];
    let begun = '';
    for (const { text, isLast } of pieces) {
      begun += text;
      if (isLast) texts.push(begun);
      if (isLast) begun = '';
    }
    expect(texts).toEqual(documents);
    expect(pieces.length > documents.length).toBe(most < TEXT.length);
    const [words, whole] = [new WordCounts(), new WordCounts()];
    for (const { text } of pieces) words.add(text);
    for (const document of documents) whole.add(document);
    expect(await tokenizerOf(words, 400)).toBe(await tokenizerOf(whole, 400));
  });

  it('of white space without an end do not pile up, nor do words of any number', async () => {
    const blank = await collected(
      piecesOf('x.txt', chunksOf(Buffer.from(`a${'\n\u00a0'.repeat(10_000)}b`), 1000), 2000),
    );
    expect(blank.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThan(10_000);
    const words = new WordCounts(100);
    for (let k = 0; k < 10_000; k++) words.add(`the x${k}`);
    expect(words.size).toBeLessThanOrEqual(100);
    expect(new Map(words.entries()).get('the')).toBe(10_000);
    const han = new WordCounts(100);
    for (let k = 0; k < 1000; k++) han.add(`漢字${'字'.repeat(k % 50)}`);
    // Of three bytes a letter.
    expect([...han.entries()].reduce((sum, [word]) => sum + word.length, 0)).toBeLessThanOrEqual(33);
  });

  it.each([
    ['a giant line', 'x.txt', 'a'.repeat(2 ** 20 + 1)],
    ['a binary file', 'x.txt', 'a\0b'],
    ['what is not UTF-8', 'x.txt', Uint8Array.of(0x61, 0xff)],
    ['half a letter', 'x.txt', Uint8Array.of(0x61, 0xc3)],
    ['no JSON', 'x.jsonl', '{"text"'],
  ])('refuse %s', async (_, name, content) => {
    await expect(collected(piecesOf(name, chunksOf(Buffer.from(content), 65_536)))).rejects.toMatchObject({
      code: 'train-bad-text',
    });
  });

  it('of a folder are those of its texts, and nothing of a run that is in it', async () => {
    const files = ['books/b.txt', 'books/a.md', 'books/c.bin', 'books/more/d.txt'];
    const left = ['books/run/train.jsonl', 'books/run/samples.txt', 'books/run/state.safetensors'];
    await mkdir(path('books/run'), { recursive: true });
    await mkdir(path('books/more'));
    await mkdir(path('books/folder.txt'));
    for (const file of [...files, ...left]) await writeFile(path(file), file);
    const pieces = await collected(textPieces([path('books')], signal));
    expect(pieces.map(({ text }) => text)).toEqual(['books/a.md', 'books/b.txt', 'books/more/d.txt']);
  });

  it('of a file of 100 GB without text are refused at once, and of none as well', async () => {
    await writeFile(path('sparse.txt'), '');
    await truncate(path('sparse.txt'), 1e11);
    await expect(collected(textPieces([path('sparse.txt')], signal))).rejects.toMatchObject({ code: 'train-bad-text' });
    await writeFile(path('empty.txt'), '\n \n');
    await expect(collected(textPieces([path('empty.txt')], signal))).rejects.toMatchObject({ code: 'train-no-text' });
  });
});
