import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopMatcher } from '../../../model/text/stop-matcher.js';

/** The shown text when `pieces` arrive one by one, and whether it was stopped. */
function show(stops: readonly string[], pieces: readonly string[]): { text: string; stopped: boolean } {
  const matcher = new StopMatcher(stops);
  const text = pieces.map((piece) => matcher.push(piece)).join('') + matcher.flush();
  return { text, stopped: matcher.stopped };
}

describe('StopMatcher', () => {
  it.each([
    ['passes text through without stop strings', [], 'one two', 'one two'],
    ['ends before a stop string', ['END'], 'one END two', 'one '],
    ['returns a beginning that leads to nothing', ['END'], 'one EN', 'one EN'],
    ['takes the stop string that is complete first', ['abcd', 'bc'], 'abcd', 'a'],
    ['takes the longest of those complete at the same place', ['c', 'abc'], 'xabc', 'x'],
    ['finds a match behind a false start', ['aab'], 'aaab', 'a'],
    ['matches a stop string of several lines', ['\n\n'], 'one\ntwo\n\nthree', 'one\ntwo'],
  ])('%s', (_title, stops, text, shown) => {
    expect(show(stops, [text])).toEqual({ text: shown, stopped: shown.length < text.length });
    expect(show(stops, text.split(''))).toEqual({ text: shown, stopped: shown.length < text.length });
  });

  it('holds back no more than the beginning of a stop string', () => {
    const matcher = new StopMatcher(['stop!']);
    expect(matcher.push('do not st')).toBe('do not ');
    expect(matcher.push('ay')).toBe('stay');
  });

  it('shows nothing after it stopped', () => {
    const matcher = new StopMatcher(['.']);
    expect([matcher.push('a.b'), matcher.push('c'), matcher.flush()]).toEqual(['a', '', '']);
  });

  it('goes on in another matcher, wherever the text is cut', () => {
    const letters = (maxLength: number) => fc.string({ unit: fc.constantFrom('a', 'b'), maxLength });
    const stop = letters(4).filter((text) => text !== '');
    fc.assert(
      fc.property(fc.array(stop, { maxLength: 3 }), letters(6), letters(6), (stops, before, after) => {
        const first = new StopMatcher(stops);
        const shown = first.push(before);
        fc.pre(!first.stopped);
        const second = new StopMatcher(stops);
        expect(second.push(first.held)).toBe('');
        const text = shown + second.push(after) + second.flush();
        expect({ text, stopped: second.stopped }).toEqual(show(stops, [before, after]));
      }),
    );
  });

  it('keeps what is behind a stop string', () => {
    const matcher = new StopMatcher(['User:']);
    matcher.push('\nUs');
    expect([matcher.push('er: Hello, Us'), matcher.held, matcher.flush()]).toEqual(['', ' Hello, Us', '']);
    const goingOn = new StopMatcher(['User:']);
    expect([goingOn.push(matcher.held), goingOn.flush()]).toEqual([' Hello, ', 'Us']);
  });

  // A long one that the text nearly has, again and again, used to take the square of its length for each piece.
  it('looks at each character once, however long a stop string is', () => {
    const stop = `${'a'.repeat(1_000_000)}b`;
    const matcher = new StopMatcher([stop]);
    let shown = 0;
    for (let piece = 0; piece < 1500; piece++) shown += matcher.push('a'.repeat(1000)).length;
    expect(shown).toBe(500_000);
    expect([matcher.push('bc'), matcher.stopped, matcher.held]).toEqual(['', true, 'c']);
  });

  it('refuses an empty stop string', () => {
    expect(() => new StopMatcher(['x', ''])).toThrow(RangeError);
  });

  it('gives the same for every way to cut the text as for single characters', () => {
    const letters = (maxLength: number) => fc.string({ unit: fc.constantFrom('a', 'b'), maxLength });
    const stop = letters(4).filter((text) => text !== '');
    fc.assert(
      fc.property(fc.array(stop, { maxLength: 3 }), fc.array(letters(5)), (stops, pieces) => {
        expect(show(stops, pieces)).toEqual(simple(stops, pieces.join('')));
      }),
    );
  });
});

/** The definition, character by character, without holding back. */
function simple(stops: readonly string[], text: string): { text: string; stopped: boolean } {
  for (let end = 1; end <= text.length; end++) {
    const lengths = stops.filter((stop) => text.slice(0, end).endsWith(stop)).map((stop) => stop.length);
    if (lengths.length > 0) return { text: text.slice(0, end - Math.max(...lengths)), stopped: true };
  }
  return { text, stopped: false };
}
