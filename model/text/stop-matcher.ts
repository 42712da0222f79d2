/**
 * Ends a stream of text at the first of several stop strings.
 *
 * The text arrives in pieces that may split a stop string anywhere, so what may be the beginning of one is held back.
 * The result does not depend on how the text was cut: it ends where a stop string is first complete; when several are
 * complete there, at the start of the longest.
 */

export class StopMatcher {
  private readonly stops: readonly string[];
  private held = '';
  private found = false;

  /** @throws RangeError for an empty stop string, which would match everywhere */
  constructor(stops: readonly string[]) {
    if (stops.includes('')) throw new RangeError('a stop string must have at least one character');
    this.stops = stops;
  }

  /** Whether a stop string was met; the text before it has been returned. */
  get stopped(): boolean {
    return this.found;
  }

  /** The text that can be shown now. Empty once stopped. */
  push(text: string): string {
    if (this.found) return '';
    const pending = this.held + text;
    const start = this.matchStart(pending);
    this.found = start !== undefined;
    const end = start ?? pending.length - this.possibleStart(pending);
    this.held = this.found ? '' : pending.slice(end);
    return pending.slice(0, end);
  }

  /** What was held back, at the end of a text without a stop string. */
  flush(): string {
    const rest = this.held;
    this.held = '';
    return rest;
  }

  /** Start of the match that ends first, the longest of those. */
  private matchStart(text: string): number | undefined {
    let bestStart: number | undefined;
    let bestEnd = Infinity;
    for (const stop of this.stops) {
      const start = text.indexOf(stop);
      if (start < 0) continue;
      const end = start + stop.length;
      if (end < bestEnd || (end === bestEnd && start < (bestStart ?? Infinity))) {
        bestStart = start;
        bestEnd = end;
      }
    }
    return bestStart;
  }

  /** Length of the longest end of `text` that a stop string begins with. */
  private possibleStart(text: string): number {
    let longest = 0;
    for (const stop of this.stops) {
      let length = Math.min(stop.length - 1, text.length);
      while (length > longest && !text.endsWith(stop.slice(0, length))) length--;
      longest = Math.max(longest, length);
    }
    return longest;
  }
}
