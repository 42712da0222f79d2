/**
 * A byte-level BPE tokenizer from text (Sennrich, Haddow, Birch: arXiv 1508.07909; the alphabet and the words of
 * GPT-2).
 *
 * Again and again the most frequent pair of neighbours in a word becomes a token; of equally frequent ones the pair
 * that was seen first. Only which words there are and how often matters, so each is looked at once for every change in
 * it.
 */
import { setImmediate } from 'node:timers/promises';
import { byteLevelText, CHARACTER_OF_BYTE } from '../../text/byte-level.js';
import { MinHeap } from '../../text/min-heap.js';
import { splitIntoWords } from '../../text/words.js';

/** Token 0: in front of every document, and behind it. */
const END_OF_TEXT = '<|endoftext|>';
/** In a heap a pair is (most − count) · PAIRS + its number, exact below 2⁵³. */
const PAIRS = 2 ** 26;
const MOST = 2 ** 27 - 1;
/** A longer word is no word, and tokens of such a length help nobody. */
const MAX_WORD_CHARACTERS = 256;

interface Pair {
  readonly left: number;
  readonly right: number;
  count: number;
  /** Indices of words in which it was seen; it may be gone. */
  readonly words: number[];
}

/**
 * Bytes of all different words, half a million or so. Of more, those that are rare are forgotten: there may be three
 * pairs to a byte in the end, and a map holds 2²⁴.
 */
const MOST_BYTES = 2 ** 22;

/** Which words a text has, and how often, in the order in which they came. */
export class WordCounts {
  readonly #most: number;
  #counts = new Map<string, number>();
  #bytes = 0;

  /** @param most bytes of words that are told apart; above, rare ones are forgotten until half as many are left */
  constructor(most = MOST_BYTES) {
    this.#most = most;
  }

  /** @param text a document, or a piece of one that ends in front of white space which something follows */
  add(text: string): void {
    for (const word of splitIntoWords(text, { style: 'byte-level', addPrefixSpace: false, split: true }, 'first')) {
      if (word.length > MAX_WORD_CHARACTERS) continue;
      const count = this.#counts.get(word);
      // A copy: a part of a string keeps all of it in memory.
      this.#counts.set(count === undefined ? (JSON.parse(JSON.stringify(word)) as string) : word, (count ?? 0) + 1);
      if (count === undefined) this.#bytes += Buffer.byteLength(word);
      if (this.#bytes > this.#most) this.#forget();
    }
  }

  get size(): number {
    return this.#counts.size;
  }

  entries(): Iterable<readonly [string, number]> {
    return this.#counts;
  }

  #forget(): void {
    for (let rare = 1; this.#bytes > this.#most / 2; rare *= 2) {
      this.#counts = new Map([...this.#counts].filter(([, count]) => count > rare));
      this.#bytes = [...this.#counts.keys()].reduce((sum, word) => sum + Buffer.byteLength(word), 0);
    }
  }
}

/**
 * @param vocabulary tokens wanted, at least 257, which spell every byte; a short text gives fewer
 * @param signal ends the work
 * @returns `tokenizer.json` of Hugging Face
 * @throws the signal's reason
 */
export async function tokenizerOf(counted: WordCounts, vocabulary: number, signal?: AbortSignal): Promise<string> {
  const tokens = [END_OF_TEXT, ...CHARACTER_OF_BYTE.toSorted()];
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const words: number[][] = [];
  const counts: number[] = [];
  for (const [word, count] of counted.entries()) {
    // Each once, as ids of its bytes.
    words.push(Array.from(byteLevelText(word), (symbol) => idOf.get(symbol) ?? 0));
    counts.push(count);
  }
  const pairs = new PairTable(words, counts);
  const merges: (readonly [string, string])[] = [];
  while (tokens.length < vocabulary) {
    const pair = pairs.mostFrequent();
    // What occurs once is no pattern.
    if (pair === undefined || pair.count < 2) break;
    const joined = tokens[pair.left] + tokens[pair.right];
    merges.push([tokens[pair.left], tokens[pair.right]]);
    const id = idOf.get(joined) ?? tokens.push(joined) - 1;
    idOf.set(joined, id);
    pairs.join(pair, id);
    await turn(signal);
  }
  return tokenizerJson(tokens, merges);
}

/** Others have their turn: signals are heard then. */
async function turn(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}

/** How often each pair of neighbours occurs in all words. */
class PairTable {
  readonly #words: number[][];
  readonly #counts: readonly number[];
  readonly #pairs: Pair[] = [];
  readonly #numberOf = new Map<number, number>();
  readonly #heap = new MinHeap();

  constructor(words: number[][], counts: readonly number[]) {
    this.#words = words;
    this.#counts = counts;
    const changed = new Set<number>();
    words.forEach((symbols, word) => {
      for (let at = 0; at + 1 < symbols.length; at++) this.#count(symbols[at], symbols[at + 1], word, 1, changed);
    });
    this.#push(changed);
  }

  /** Taken from the table's heap; its count is right. */
  mostFrequent(): Pair | undefined {
    for (;;) {
      const top = this.#heap.pop();
      if (top === undefined) return undefined;
      const pair = this.#pairs[top % PAIRS];
      // Others are older counts of pairs that changed.
      if (MOST - Math.floor(top / PAIRS) === Math.min(pair.count, MOST)) return pair;
    }
  }

  /** Makes `id` of the pair wherever it is. Only pairs beside it change: so a word costs no more than it is long. */
  join({ left, right, words }: Pair, id: number): void {
    const changed = new Set<number>();
    for (const word of new Set(words)) {
      const before = this.#words[word];
      const { symbols, places } = joinedIn(before, left, right, id);
      // A place in `symbols` is as many places further in `before` as were joined in front of it.
      let counted = -1;
      places.forEach((place, k) => {
        const at = place + k;
        for (let pair = Math.max(counted + 1, at - 1, 0); pair <= at + 1 && pair + 1 < before.length; pair++) {
          this.#count(before[pair], before[pair + 1], word, -1, changed);
          counted = pair;
        }
      });
      counted = -1;
      for (const place of places) {
        for (let pair = Math.max(counted + 1, place - 1, 0); pair <= place && pair + 1 < symbols.length; pair++) {
          this.#count(symbols[pair], symbols[pair + 1], word, 1, changed);
          counted = pair;
        }
      }
      this.#words[word] = symbols;
    }
    // Nowhere is it now.
    words.length = 0;
    this.#push(changed);
  }

  #count(left: number, right: number, word: number, sign: 1 | -1, changed: Set<number>): void {
    const number = this.#numberOfPair(left, right, word);
    const pair = this.#pairs[number];
    pair.count += sign * this.#counts[word];
    if (sign > 0 && pair.words.at(-1) !== word) pair.words.push(word);
    changed.add(number);
  }

  /** @param word where it was seen, if it is new */
  #numberOfPair(left: number, right: number, word: number): number {
    const key = left * 2 ** 24 + right;
    let number = this.#numberOf.get(key);
    if (number === undefined) {
      // Most pairs are in one word for ever, and a list that is begun empty takes room for seventeen.
      number = this.#pairs.push({ left, right, count: 0, words: [word] }) - 1;
      this.#numberOf.set(key, number);
    }
    return number;
  }

  #push(changed: ReadonlySet<number>): void {
    for (const number of changed) {
      const { count } = this.#pairs[number];
      if (count > 0) this.#heap.push((MOST - Math.min(count, MOST)) * PAIRS + number);
    }
  }
}

/** From the left, as encoding does. @returns the new symbols, and at which places of them `id` was made */
function joinedIn(
  before: readonly number[],
  left: number,
  right: number,
  id: number,
): { readonly symbols: number[]; readonly places: readonly number[] } {
  const symbols: number[] = [];
  const places: number[] = [];
  for (let at = 0; at < before.length; at++) {
    const isPair = before[at] === left && before[at + 1] === right;
    if (isPair) places.push(symbols.length);
    symbols.push(isPair ? id : before[at]);
    if (isPair) at++;
  }
  return { symbols, places };
}

function tokenizerJson(tokens: readonly string[], merges: readonly (readonly [string, string])[]): string {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const file = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      {
        id: 0,
        content: END_OF_TEXT,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      },
    ],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
  return `${JSON.stringify(file, undefined, 1)}\n`;
}
