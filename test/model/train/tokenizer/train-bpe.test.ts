import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from 'tokenizers';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../../../model/text/tokenizer.js';
import { tokenizerFacts } from '../../../../model/train/tokenizer/tokenizer-facts.js';
import { tokenizerOf, WordCounts } from '../../../../model/train/tokenizer/train-bpe.js';

import { TALES } from '../../../helpers/command-line.js';
import { Prng } from '../../../oracle/prng.js';

const IDS = { vocabSize: 600, bosTokenId: 0, eosTokenId: 0 };
const bytes = (json: string): Uint8Array => new TextEncoder().encode(json);

/** Of one text. */
async function madeOf(text: string, vocabulary: number, signal?: AbortSignal): Promise<string> {
  const words = new WordCounts();
  words.add(text);
  return await tokenizerOf(words, vocabulary, signal);
}

describe('a tokenizer that is made of text', () => {
  let text = '';
  let json = '';
  beforeAll(async () => {
    text = (await readFile(join(TALES, 'validation.txt'), 'utf8')).slice(0, 100_000);
    json = await madeOf(text, 600);
  });

  it('has as many tokens as were asked for, and gives fewer than bytes', async () => {
    expect(tokenizerFacts(bytes(json))).toEqual({ vocabulary: 600, bosId: 0, eosId: 0 });
    const { encode } = await loadTokenizer(bytes(json), IDS);
    expect(encode(text).length).toBeLessThan(text.length / 2);
  });

  it('gives the ids that the Rust library gives of the same file', async () => {
    const { encode } = await loadTokenizer(bytes(json), IDS);
    const rust = Tokenizer.fromString(json);
    for (const piece of [text, 'Zażółć gęślą jaźń 🦊 <|endoftext|>\n\n  x', '\0\t', '']) {
      expect(encode(piece)).toEqual((await rust.encode(piece)).getIds());
    }
  });

  it('gives back any text', async () => {
    const { encode, textStream } = await loadTokenizer(bytes(json), IDS);
    const stream = textStream();
    const piece = 'Once upon a time 漢字 🦊\r\n';
    expect(
      encode(piece)
        .map((id) => stream.push(id))
        .join('') + stream.flush(),
    ).toBe(piece);
  });
});

it('joins the most frequent pair first, of equal ones that which came first', async () => {
  const file = JSON.parse(await madeOf('ab ab cd cd cd xy', 262)) as { model: { merges: string[][] } };
  // " ab": twice each of "Ġa" and "ab"; " cd": three times.
  expect(file.model.merges).toEqual([
    ['Ġ', 'c'],
    ['Ġc', 'd'],
    ['a', 'b'],
  ]);
});

it('ends where nothing occurs twice', async () => {
  expect(tokenizerFacts(bytes(await madeOf('abc', 5000))).vocabulary).toBe(257);
});

it('hears a signal between two merges', async () => {
  const interrupted = new AbortController();
  const text = Array.from({ length: 500 }, (_, i) => `w${i % 250}`).join(' ');
  const made = madeOf(text, 5000, interrupted.signal);
  setImmediate(() => setImmediate(() => interrupted.abort(new Error('Ctrl-C'))));
  await expect(made).rejects.toThrow('Ctrl-C');
});

/** The merges, by counting all pairs of all words anew for each. */
function mergesOneByOne(text: string): string[] {
  const counts = new Map<string, number>();
  for (const [word] of text.matchAll(/ ?[a-z]+/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const words = [...counts].map(([word, count]) => ({ symbols: Array.from(word.replace(' ', 'Ġ')), count }));
  const seen: string[] = [];
  const merges: string[] = [];
  for (;;) {
    const pairs = new Map<string, number>();
    for (const { symbols, count } of words) {
      symbols.slice(1).forEach((right, at) => {
        const pair = `${symbols[at]} ${right}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + count);
        if (!seen.includes(pair)) seen.push(pair);
      });
    }
    const most = Math.max(...pairs.values());
    if (!(most >= 2)) return merges;
    const best = seen.find((pair) => pairs.get(pair) === most)!;
    merges.push(best);
    const [left, right] = best.split(' ');
    for (const word of words) {
      const symbols: string[] = [];
      for (const symbol of word.symbols) {
        // What was joined ends with a mark until the end: it must not be joined again.
        if (symbol === right && symbols.at(-1) === left) symbols.push(`${symbols.pop()!}${symbol}.`);
        else symbols.push(symbol);
      }
      word.symbols = symbols.map((symbol) => symbol.replace('.', ''));
    }
  }
}

it('counts beside a joined pair what counting everything anew finds', async () => {
  const random = new Prng(3);
  const words = Array.from({ length: 120 }, () =>
    Array.from({ length: random.between(1, 12) }, () => 'aabc'[random.between(0, 3)]).join(''),
  );
  const text = words.join(' ');
  const { model } = JSON.parse(await madeOf(text, 5000)) as { model: { merges: string[][] } };
  const expected = mergesOneByOne(text);
  expect(expected.length).toBeGreaterThan(50);
  expect(model.merges.map((merge) => merge.join(' '))).toEqual(expected);
});
