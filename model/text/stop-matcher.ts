/**
 * Ends a stream of text at the first of several stop strings.
 *
 * The text arrives in pieces that may split a stop string anywhere, so what may be the beginning of one is held back.
 * The result does not depend on how the text was cut: it ends where a stop string is first complete; when several are
 * complete there, at the start of the longest. Each character is looked at once (Knuth, Morris and Pratt, "Fast pattern
 * matching in strings", 1977), however long stop strings are.
 */

/** A stop string, and how much of it the text ends with. */
interface Stop {
  readonly text: string;
  /** Of each beginning of it: the length of the longest shorter beginning that it ends with. */
  readonly shorter: Int32Array;
  matched: number;
}

export class StopMatcher {
  readonly #stops: readonly Stop[];
  /** What is held back, as it came. */
  #pieces: string[] = [];
  #held = 0;
  #isStopped = false;

  /** @throws RangeError for an empty stop string, which would match everywhere */
  constructor(stops: readonly string[]) {
    if (stops.includes('')) throw new RangeError('a stop string must have at least one character');
    this.#stops = stops.map((text) => ({ text, shorter: shorterBeginnings(text), matched: 0 }));
  }

  /** Whether a stop string was met; the text before it has been returned. */
  get stopped(): boolean {
    return this.#isStopped;
  }

  /** The text that can be shown now. Empty once stopped. */
  push(text: string): string {
    if (this.#isStopped) return '';
    const known = this.#held;
    this.#pieces.push(text);
    this.#held += text.length;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      let longest = 0;
      for (const stop of this.#stops) {
        if (advance(stop, unit)) longest = Math.max(longest, stop.text.length);
      }
      if (longest === 0) continue;
      this.#isStopped = true;
      const shown = this.#take(known + index + 1 - longest);
      this.#take(longest);
      return shown;
    }
    const held = this.#stops.reduce((most, { matched }) => Math.max(most, matched), 0);
    return this.#take(this.#held - held);
  }

  /**
   * What was not returned: what may be the beginning of a stop string, or what was behind one. A matcher that it is
   * pushed into goes on.
   */
  get held(): string {
    return this.#pieces.join('');
  }

  /** What was held back, at the end of a text without a stop string. */
  flush(): string {
    if (this.#isStopped) return '';
    const rest = this.#take(this.#held);
    for (const stop of this.#stops) stop.matched = 0;
    return rest;
  }

  /** The first of what is held back. */
  #take(length: number): string {
    let rest = length;
    const whole = this.#pieces.findIndex((piece) => {
      if (piece.length > rest) return true;
      rest -= piece.length;
      return false;
    });
    const taken = this.#pieces.splice(0, whole < 0 ? this.#pieces.length : whole);
    const [next] = this.#pieces;
    if (next !== undefined && rest > 0) {
      taken.push(next.slice(0, rest));
      this.#pieces[0] = next.slice(rest);
    }
    this.#held -= length;
    return taken.join('');
  }
}

/** The text has one unit more. @returns whether the stop string is complete */
function advance(stop: Stop, unit: number): boolean {
  const { text, shorter } = stop;
  let { matched } = stop;
  while (matched > 0 && text.charCodeAt(matched) !== unit) matched = shorter[matched - 1]!;
  if (text.charCodeAt(matched) === unit) matched++;
  stop.matched = matched;
  return matched === text.length;
}

function shorterBeginnings(text: string): Int32Array {
  const shorter = new Int32Array(text.length);
  for (let end = 1, length = 0; end < text.length; end++) {
    while (length > 0 && text.charCodeAt(end) !== text.charCodeAt(length)) length = shorter[length - 1]!;
    if (text.charCodeAt(end) === text.charCodeAt(length)) length++;
    shorter[end] = length;
  }
  return shorter;
}
