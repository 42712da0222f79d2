/** How often a state is read. */

import { describe, expect, it } from 'vitest';
import { ReadingPace } from '../../../device/board/reading-pace.js';

const WORDS = 2000;

/** A clock that the test moves. */
class Watch {
  nowMs = 0;
  readonly pace = new ReadingPace({ now: () => this.nowMs, after: () => () => {} }, WORDS);

  /** Tokens that take so long each. */
  tokens(tokenMs: number): this {
    this.pace.start();
    for (const tokens of [1, 5, 10]) {
      this.nowMs += tokens * tokenMs;
      this.pace.passed(tokens);
    }
    return this;
  }

  /** Probes as long as there is one to make. @returns their words */
  probe(ms: (words: number) => number): number[] {
    const found: number[] = [];
    for (let { probe } = this.pace; probe !== undefined; { probe } = this.pace) {
      found.push(probe);
      this.nowMs += ms(probe);
      this.pace.probed(ms(probe));
    }
    return found;
  }
}

function paceOf(readMs: readonly number[], tokenMs: number): ReadingPace {
  const watch = new Watch();
  for (const ms of readMs) watch.pace.readTook(ms);
  watch.tokens(tokenMs);
  // Nobody asks for tokens.
  watch.nowMs += 60_000;
  watch.pace.start();
  return watch.pace;
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

  it.each<[string, number, number, number]>([
    ['64 where a reading takes no more than 6 % of their time', 0.4, 1.4, 64],
    ['as many as cost 2 % where it takes more', 0.4, 1.5, 198],
    ['as many as cost 2 % where it is the line that takes the time', 0.1, 1.4, 185],
  ])('are %s', (_, firstMs, restMs, expected) => {
    const watch = new Watch();
    watch.probe((words) => (words === 100 ? firstMs : restMs));
    watch.pace.readTook(restMs);
    expect(watch.tokens(0.38).pace.tokens).toBe(expected);
  });

  it('are not known before both times are', () => {
    expect(paceOf([], 1).tokens).toBe(Infinity);
    const { pace } = new Watch();
    pace.readTook(1);
    expect(pace.tokens).toBe(Infinity);
  });
});

describe('what a reading takes', () => {
  it('is found out with more words each time, and by the shortest', () => {
    const watch = new Watch();
    expect(watch.probe((words) => (words === 100 ? 30 : words / 1000))).toEqual([100, 200, 400, 800, 1600]);
    expect([watch.pace.isProbing, watch.tokens(2).pace.tokens]).toEqual([false, 50]);
  });

  // One slow probe used to be the last one.
  it('is found out later where a computer was busy, when it costs little', () => {
    const watch = new Watch();
    expect(watch.probe(() => 75)).toEqual([100, 200]);
    expect(watch.tokens(0.5).pace.tokens).toBe(75_000);
    const { nowMs } = watch;
    // 150 ms are 2 % of that.
    watch.nowMs += 7400;
    expect(watch.pace.probe).toBeUndefined();
    watch.nowMs = nowMs + 7500;
    expect(watch.probe(() => 0.5)).toEqual([400, 800, 1600]);
    expect(watch.pace.tokens).toBe(63);
  });

  it('is found out at a tenth of the time on a slow line', () => {
    const watch = new Watch();
    const probes = watch.probe((words) => words * 0.4);
    const { nowMs } = watch;
    for (; watch.pace.isProbing; watch.nowMs += 100) probes.push(...watch.probe((words) => words * 0.4));
    expect(probes).toEqual([100, 200, 400, 800, 1600]);
    expect(nowMs).toBe(120);
    expect(watch.nowMs).toBeGreaterThan(50 * (120 + 160 + 320));
  });
});
