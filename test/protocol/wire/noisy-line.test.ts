/** Two links over lines of every quality, thousands of messages each way, in virtual time. */

import { describe, expect, test } from 'vitest';

import type { LinkOptions } from '../../../protocol/wire/link.js';
import { SimulatedLine } from '../../helpers/simulated-line.js';
import type { LineQuality, Setup } from '../../helpers/simulated-line.js';
import { Prng } from '../../oracle/prng.js';

/** Distinct messages of 5 to 5 + `most` bytes, many of them zeros. */
function messages(count: number, most: number, seed: number): Uint8Array[] {
  const random = new Prng(seed);
  return Array.from({ length: count }, (_, index) => {
    const payload = new Uint8Array(5 + random.between(0, most));
    payload.set(Buffer.from(`${index}`.padStart(5, '0')));
    for (let at = 5; at < payload.length; at++) payload[at] = random.between(-100, 255);
    return payload;
  });
}

const asTexts = (payloads: readonly Uint8Array[]): string[] =>
  payloads.map((payload) => Buffer.from(payload).toString('latin1'));

/** Sends all both ways as fast as the links accept; what arrived at board and host until well after the end. */
function exchange(
  line: SimulatedLine,
  toBoard: readonly Uint8Array[],
  toHost: readonly Uint8Array[],
): { tookMs: number; arrived: readonly [string[], string[]] } {
  line.open();
  const startMs = line.time.nowMs;
  const waiting = [
    { end: line.host, queue: [...toBoard] },
    { end: line.board, queue: [...toHost] },
  ];
  const pump = (): void => {
    for (const { end, queue } of waiting) {
      while (queue.length > 0 && end.send(1, queue[0]!)) queue.shift();
    }
    if (waiting.some(({ queue }) => queue.length > 0)) line.time.after(1, pump);
  };
  pump();
  const isDone = (): boolean => line.board.events.length > toBoard.length && line.host.events.length > toHost.length;
  line.time.until(isDone, 3_600_000);
  const tookMs = line.time.nowMs - startMs;
  line.time.pass(3000);
  return { tookMs, arrived: [line.board.received, line.host.received] };
}

const CLEAN: LineQuality = { latencyMs: 2 };
const WORST: LineQuality = {
  latencyMs: 3,
  loss: 0.04,
  corruption: 0.04,
  duplication: 0.04,
  truncation: 0.04,
  garbage: 0.04,
  reordering: 0.04,
};

describe('everything arrives once and in order', () => {
  test.each<[string, Setup]>([
    ['over a clean line', { toBoard: CLEAN, toHost: CLEAN }],
    ['when a tenth is lost', { toBoard: { ...CLEAN, loss: 0.1 }, toHost: { ...CLEAN, loss: 0.1 } }],
    ['when a tenth is garbled', { toBoard: { ...CLEAN, corruption: 0.1 }, toHost: { ...CLEAN, corruption: 0.1 } }],
    ['when a third comes twice', { toBoard: { ...CLEAN, duplication: 0.3 }, toHost: { ...CLEAN, duplication: 0.3 } }],
    ['when a tenth is cut short', { toBoard: { ...CLEAN, truncation: 0.1 }, toHost: { ...CLEAN, truncation: 0.1 } }],
    ['when a third follows garbage', { toBoard: { ...CLEAN, garbage: 0.3 }, toHost: { ...CLEAN, garbage: 0.3 } }],
    ['when a tenth is overtaken', { toBoard: { ...CLEAN, reordering: 0.1 }, toHost: { ...CLEAN, reordering: 0.1 } }],
    ['when one direction is bad', { toBoard: CLEAN, toHost: { ...CLEAN, loss: 0.3 } }],
    ['when all of this happens', { toBoard: WORST, toHost: WORST }],
    ['when all of this happens, from another seed', { toBoard: WORST, toHost: WORST, seed: 99 }],
    [
      'when the board has one buffer and all of this happens',
      { toBoard: WORST, toHost: WORST, seed: 7, board: { room: () => 1 } },
    ],
  ])('%s', (_, setup) => {
    const toBoard = messages(2000, 60, 1);
    const toHost = messages(2000, 60, 2);
    const { arrived } = exchange(new SimulatedLine(setup), toBoard, toHost);
    expect(arrived).toEqual([asTexts(toBoard), asTexts(toHost)]);
  });

  test('to a board with one buffer that is in use for 3 ms after each message, and nothing is dropped', () => {
    let isFree = true;
    const room = (): number => (isFree ? 1 : 0);
    const line = new SimulatedLine({ toBoard: CLEAN, toHost: CLEAN, board: { room } });
    line.board.onEvent = ({ kind }) => {
      if (kind !== 'message') return;
      isFree = false;
      line.time.after(3, () => {
        isFree = true;
        line.board.poll();
      });
    };
    const { tookMs } = exchange(line, messages(500, 60, 1), messages(500, 60, 2));
    expect(tookMs).toBeLessThan(500 * (2 * CLEAN.latencyMs + 3) + 20);
    expect([line.board.link.statistics.dropped, line.host.link.statistics.repeats]).toEqual([0, 0]);
  });

  test('over a line of 115,200 baud with the largest frames, and nothing is repeated', () => {
    const slow: LineQuality = { latencyMs: 1, bytesPerMs: 11.52 };
    const line = new SimulatedLine({ toBoard: slow, toHost: slow });
    const large = messages(60, 4091, 3);
    const bytes = large.reduce((sum, { length }) => sum + length, 0);
    expect(exchange(line, large, large).tookMs).toBeLessThan((1.03 * bytes) / 11.52);
    expect([line.host.link.statistics.repeats, line.board.link.statistics.repeats]).toEqual([0, 0]);
  });

  test('over such a line behind a buffer that always has room, and nothing is repeated', () => {
    const slow: LineQuality = { latencyMs: 1, bytesPerMs: 11.52 };
    const always = { isReady: () => true };
    const line = new SimulatedLine({ toBoard: slow, toHost: slow, host: always, board: always });
    exchange(line, messages(60, 4091, 3), []);
    expect(line.host.link.statistics.repeats).toBe(0);
  });
});

describe('a window', () => {
  const latencyMs = 50;

  test.each([1, 4, 8])('of %i that the board announces is used to the full', (room) => {
    const line = new SimulatedLine({ toBoard: { latencyMs }, toHost: { latencyMs }, board: { room: () => room } });
    const count = 400;
    const roundTrips = count / room;
    const { tookMs } = exchange(line, messages(count, 10, 1), []);
    expect(tookMs / (2 * latencyMs)).toBeGreaterThan(0.9 * roundTrips);
    expect(tookMs / (2 * latencyMs)).toBeLessThan(1.1 * roundTrips + 2);
  });

  test('grows from 8 to 32 on a clean line, which makes it four times as fast', () => {
    const line = new SimulatedLine({ toBoard: { latencyMs }, toHost: { latencyMs } });
    const rate = (count: number): number => count / (exchangeMore(line, count) / (2 * latencyMs));
    line.open();
    expect(rate(64)).toBeCloseTo(8, -1);
    exchangeMore(line, 2000);
    expect(rate(640)).toBeGreaterThan(29);
  });

  test('shrinks on a bad line, so that little is repeated for each loss', () => {
    const bad: LineQuality = { latencyMs: 5, loss: 0.1 };
    const line = new SimulatedLine({ toBoard: bad, toHost: CLEAN });
    exchange(line, messages(2000, 10, 1), []);
    expect(line.host.link.statistics.repeats).toBeLessThan(1200);
  });
});

describe('a message that gets lost', () => {
  test('with its delimiter is repeated after the repeat time', () => {
    expect(delay({ loss: 1 })).toBe(100 + 2 * 22 + 1);
  });

  test('without it, because it is garbled, is repeated after one round trip', () => {
    expect(delay({ corruption: 1 })).toBeLessThanOrEqual(4);
  });

  test('before another one is repeated after one round trip', () => {
    const line = new SimulatedLine().open();
    line.time.pass(10);
    line.toBoard.quality = { latencyMs: 1, loss: 1 };
    line.host.send(1, Uint8Array.of(65));
    line.toBoard.quality = { latencyMs: 1 };
    line.host.send(1, Uint8Array.of(66));
    line.time.pass(4);
    expect(line.board.received).toEqual(['A', 'B']);
  });
});

/** Sends `count` more messages to the board; the milliseconds it took. */
function exchangeMore(line: SimulatedLine, count: number): number {
  const startMs = line.time.nowMs;
  const goal = line.board.events.length + count;
  let sent = 0;
  const pump = (): void => {
    while (sent < count && line.host.send(1, new Uint8Array(10))) sent++;
    if (sent < count) line.time.after(1, pump);
  };
  pump();
  line.time.until(() => line.board.events.length >= goal, 1_000_000);
  return line.time.nowMs - startMs;
}

/** Milliseconds from sending a message to its arrival when only the first write is affected by the fault. */
function delay(fault: Partial<LineQuality>, options: Partial<LinkOptions> = {}): number {
  const line = new SimulatedLine({ host: options }).open();
  line.time.pass(10);
  const startMs = line.time.nowMs;
  line.toBoard.quality = { ...line.toBoard.quality, ...fault };
  line.host.send(1, new Uint8Array(10));
  line.toBoard.quality = { latencyMs: 1 };
  line.time.until(() => line.board.kinds.includes('message'), 5000);
  return line.time.nowMs - startMs;
}
