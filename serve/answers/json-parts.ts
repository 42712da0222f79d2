/**
 * Long answers as JSON, part by part: a prompt of 65,536 tokens with the likeliest twenty beside each is 40 MB of it,
 * and seconds of work in which nobody else would be served. A part is made when the one before it is on its way, and
 * others have their turn meanwhile.
 */
import { isOthersTurn, othersTurn } from '../others-turn.js';

/** In UTF-16 units: so much is sent at once. */
export const PART_LENGTH = 32_768;

/** A list that is made while it is written. Its items are short. */
export class LateList<Item> implements Iterable<Item> {
  readonly #items: () => Iterable<Item>;

  constructor(items: () => Iterable<Item>) {
    this.#items = items;
  }

  /** One item of each. */
  static of<From, Item>(from: Iterable<From>, item: (one: From) => Item): LateList<Item> {
    return new LateList(function* () {
      for (const one of from) yield item(one);
    });
  }

  [Symbol.iterator](): Iterator<Item> {
    return this.#items()[Symbol.iterator]();
  }

  toJSON(): Item[] {
    return [...this];
  }
}

/** A value as `JSON.stringify` writes it, in pieces of any length. @param value plain, but for late lists */
export function* jsonPieces(value: unknown): Generator<string, void> {
  if (typeof value === 'string') {
    yield* stringPieces(value);
  } else if (typeof value !== 'object' || value === null) {
    yield JSON.stringify(value ?? null);
  } else if (value instanceof LateList) {
    let before = '[';
    for (const item of value) {
      yield before + JSON.stringify(item);
      before = ',';
    }
    yield before === '[' ? '[]' : ']';
  } else if (Array.isArray(value)) {
    yield* between(
      '[',
      value.map((item) => ['', item] as const),
      ']',
    );
  } else {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    yield* between(
      '{',
      fields.map(([name, field]) => [`${JSON.stringify(name)}:`, field] as const),
      '}',
    );
  }
}

function* between(
  open: string,
  items: readonly (readonly [before: string, item: unknown])[],
  close: string,
): Generator<string, void> {
  yield open;
  for (const [index, [before, item]] of items.entries()) {
    yield (index > 0 ? ',' : '') + before;
    yield* jsonPieces(item);
  }
  yield close;
}

/** Halves of a character in two pieces become escapes, which are the same character again. */
function* stringPieces(text: string): Generator<string, void> {
  yield '"';
  for (let at = 0; at < text.length; at += PART_LENGTH) {
    yield JSON.stringify(text.slice(at, at + PART_LENGTH)).slice(1, -1);
  }
  yield '"';
}

/** Pieces put together, so that only the last part is short. */
export async function* inParts(pieces: Iterable<string>): AsyncGenerator<string, void> {
  let part = '';
  for (const piece of pieces) {
    part += piece;
    if (isOthersTurn()) await othersTurn();
    if (part.length < PART_LENGTH) continue;
    yield part;
    part = '';
  }
  if (part !== '') yield part;
}
