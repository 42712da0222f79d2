/**
 * Ends a stream of text at the first of several stop strings.
 *
 * The text arrives in pieces that may split a stop string anywhere, so what may be the beginning of one is held back.
 * The result does not depend on how the text was cut: it ends where a stop string is first complete; when several are
 * complete there, at the start of the longest.
 */

export class StopMatcher {
  private readonly stops: readonly string[];
  private pending = '';
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
    const pending = this.pending + text;
    const match = this.firstMatch(pending);
    this.found = match !== undefined;
    const end = match?.start ?? pending.length - this.possibleStart(pending);
    this.pending = pending.slice(match?.end ?? end);
    return pending.slice(0, end);
  }

  /** What was not returned: what may be the beginning of a stop string, or what was behind one. A matcher that it is pushed into goes on. */
  get held(): string {
    return this.pending;
  }

  /** What was held back, at the end of a text without a stop string. */
  flush(): string {
    if (this.found) return '';
    const rest = this.pending;
    this.pending = '';
    return rest;
  }

  /** The match that ends first, the longest of those. */
  private firstMatch(text: string): { readonly start: number; readonly end: number } | undefined {
    let best: { readonly start: number; readonly end: number } | undefined;
    for (const stop of this.stops) {
      const start = text.indexOf(stop);
      if (start < 0) continue;
      const end = start + stop.length;
      if (best === undefined || end < best.end || (end === best.end && start < best.start)) best = { start, end };
    }
    return best;
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
