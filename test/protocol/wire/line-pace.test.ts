import { describe, expect, it } from 'vitest';
import { LinePace } from '../../../protocol/wire/line-pace.js';

describe('the pace of a line', () => {
  it('is unknown at first: anything may be under way, and everything may take its time', () => {
    const pace = new LinePace();
    expect([pace.underWayBytes, pace.patienceMs(2000)]).toEqual([Infinity, 4000]);
  });

  // 100 ms of each answer are its own.
  it.each([
    ['1,000 bytes/s', 2000, 2100, [1000, 4000]],
    ['11,500 bytes/s', 2300, 300, [11_500, 2000 / 5.75]],
    ['a fast line', 4000, 2, [Infinity, 200]],
    ['a line that is slower than any', 2000, 9000, [1000, 4000]],
  ])('of %s is known from one long frame', (_, bytes, elapsedMs, [underWayBytes, patienceMs]) => {
    const pace = new LinePace();
    pace.measured(bytes, elapsedMs);
    expect(pace.underWayBytes).toBeCloseTo(underWayBytes!, 6);
    expect(pace.patienceMs(2000)).toBeCloseTo(patienceMs!, 6);
  });

  it('is learnt from many short frames', () => {
    const pace = new LinePace();
    for (let frame = 0; frame < 200; frame++) pace.measured(36, 100 + 18);
    expect(pace.underWayBytes).toBeCloseTo(2000, -1);
    expect(pace.patienceMs(100)).toBeCloseTo(100, 0);
  });

  it('may have become slower when no answer comes', () => {
    const pace = new LinePace();
    pace.measured(4000, 2);
    const patienceMs = Array.from({ length: 5 }, () => {
      pace.missed();
      return pace.patienceMs(100);
    });
    expect(patienceMs).toEqual([40, 80, 160, 200, 200]);
  });
});
