import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { loadTokenizer } from '../../../../model/text/tokenizer.js';
import { piecesOf as textPiecesOf, type TextPiece } from '../../../../model/train/data/text-pieces.js';
import { TokenStore } from '../../../../model/train/data/token-store.js';
import { encodePieces, hashOfTokens, randomWindows } from '../../../../model/train/data/token-stream.js';
import {
  changed,
  MISTRAL_STYLE_IDS,
  mistralStyleTokenizer,
  TALES_IDS,
  talesTokenizer,
  toBytes,
} from '../../../helpers/tokenizers.js';

async function* piecesOf(...pieces: readonly (readonly [string, boolean])[]): AsyncGenerator<TextPiece> {
  for (const [text, isLast] of pieces) yield await Promise.resolve({ text, isLast });
}

const SHAPE = { bosTokenId: 0, vocabSize: 300 };

it.each([true, false])('documents follow one another, each behind the token that begins a text (%s)', async (cuts) => {
  const seen: number[] = [];
  const begun: (boolean | undefined)[] = [];
  const encode = (text: string, goesOn?: boolean): number[] => {
    begun.push(goesOn);
    return Array.from(text, (c) => c.charCodeAt(0));
  };
  const tokenizer = { encode, cutsAtSpace: cuts };
  const pieces = piecesOf(['a', false], ['b', true], ['c', true]);
  const tokens = await encodePieces(pieces, tokenizer, SHAPE, (n) => seen.push(n));
  expect([...tokens.subarray(0, tokens.length)]).toEqual([0, 97, 98, 0, 99]);
  expect(seen).toEqual([1, 1, 1]);
  expect(begun).toEqual(cuts ? [false, true, false] : [false, false]);
});

it.each([
  ['one that cuts at white space', talesTokenizer(), TALES_IDS, true],
  ['one that does not', mistralStyleTokenizer(), MISTRAL_STYLE_IDS, false],
] as const)('a document in pieces has the tokens that it has as a whole: %s', async (_, json, ids, cuts) => {
  const tokenizer = await loadTokenizer(new TextEncoder().encode(JSON.stringify(json)), ids);
  expect(tokenizer.cutsAtSpace).toBe(cuts);
  const spaces = [' ', '  ', '\n', '.\n\n ', '\t', '\u00a0', '   \n'];
  const text = Array.from({ length: 300 }, (__, k) => `the${k % 7}in🦊${spaces[(k * k) % spaces.length]!}`).join('');
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(Buffer.from(text));
  }
  for (const most of [1, 40, 1 << 20]) {
    const tokens = await encodePieces(textPiecesOf('x.txt', chunks(), most), tokenizer, ids, () => {});
    expect([...tokens.subarray(0, tokens.length)]).toEqual([ids.bosTokenId, ...tokenizer.encode(text)]);
  }
});

it.each([
  ['words are not cut', ['pre_tokenizer', 'use_regex'], false],
  ['an added token takes white space along', ['added_tokens', 0, 'lstrip'], true],
])('a tokenizer does not cut at white space where %s', async (_, place, value) => {
  const json = toBytes(changed(talesTokenizer(), place, value));
  expect((await loadTokenizer(json, TALES_IDS)).cutsAtSpace).toBe(false);
});

it('a document is refused that is too long to be encoded as a whole', async () => {
  const half = 'a'.repeat(5_000_000);
  const tokenizer = { encode: (): number[] => [], cutsAtSpace: false };
  const pieces = piecesOf([half, false], [half, true]);
  await expect(encodePieces(pieces, tokenizer, SHAPE, () => {})).rejects.toMatchObject({ code: 'train-bad-text' });
});

it('the hash of ids is that of four bytes each, however they are kept', () => {
  const ids = Uint32Array.from({ length: 70_000 }, (_, k) => k % 300);
  const store = new TokenStore(300);
  store.push([...ids]);
  const expected = createHash('sha256').update(new Uint8Array(ids.buffer)).digest('hex');
  expect([hashOfTokens(ids), hashOfTokens(store)]).toEqual([expected, expected]);
});

it('windows are drawn from seed, step and number alone, and targets are one token behind', () => {
  const tokens = Uint32Array.from({ length: 50 }, (_, k) => k);
  const all = randomWindows(tokens, { seed: 9n, step: 3, first: 0, count: 6, length: 4 });
  const later = randomWindows(tokens, { seed: 9n, step: 3, first: 2, count: 4, length: 4 });
  expect([...all.ids.subarray(8)]).toEqual([...later.ids]);
  expect([...all.targets]).toEqual(Array.from(all.ids, (id) => id + 1));
  expect(Math.max(...all.targets)).toBeLessThan(50);
  expect(randomWindows(tokens, { seed: 9n, step: 4, first: 0, count: 6, length: 4 })).not.toEqual(all);
});
