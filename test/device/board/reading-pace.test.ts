/** How often a state is read. */

import { describe, expect, it } from 'vitest';
import { ReadingPace } from '../../../device/board/reading-pace.js';

/** A pace by a clock that the test moves. */
function paceOf(readMs: readonly number[], tokenMs: number): ReadingPace {
  let nowMs = 0;
  const pace = new ReadingPace({ now: () => nowMs, after: () => () => {} });
  for (const ms of readMs) pace.readTook(ms);
  pace.start();
  for (const tokens of [1, 5, 10]) {
    nowMs += tokens * tokenMs;
    pace.passed(tokens);
  }
  // Nobody asks for tokens.
  nowMs += 60_000;
  pace.start();
  return pace;
}

describe('the tokens from one reading to the next', () => {
  it.each<[string, number[], number, number]>([
    ['32 at least', [1], 2.6, 32],
    ['more when 32 tokens take less than 50 times as long as a reading', [2], 2, 50],
    ['by the shortest of the readings', [9, 1.75, 40], 2.5, 35],
    ['many on a line of 115,200 baud', [720], 10, 3600],
    ['few of a large model', [720], 2000, 32],
  ])('are %s', (_, readMs, tokenMs, expected) => {
    expect(paceOf(readMs, tokenMs).tokens).toBe(expected);
  });

  it('are not known before both times are', () => {
    expect(paceOf([], 1).tokens).toBe(Infinity);
    const pace = new ReadingPace({ now: () => 0, after: () => () => {} });
    pace.readTook(1);
    expect(pace.tokens).toBe(Infinity);
  });
});
