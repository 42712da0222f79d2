import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProgressMeter, progressLine } from '../../cli/progress.js';

describe('ProgressMeter', () => {
  const task = { label: 'pack', unit: 'bytes', total: 1000 } as const;

  it('measures the average rate and the time that is left', () => {
    let nowMs = 5000;
    const meter = new ProgressMeter(task, () => nowMs);
    nowMs += 2000;
    expect(meter.sample(500)).toEqual({ ...task, done: 500, perSecond: 250, secondsLeft: 2 });
  });

  it('does not take for speed what needed no work, as when a flash goes on', () => {
    // 900 bytes were there; comparing them took 3 s, 50 more 1 s. It used to promise 0.2 s for the last 50.
    let nowMs = 0;
    const meter = new ProgressMeter(task, () => nowMs);
    nowMs = 3000;
    meter.begin(900);
    expect(meter.sample(900)).toEqual({ ...task, done: 900, perSecond: undefined, secondsLeft: undefined });
    nowMs = 4000;
    expect(meter.sample(950)).toEqual({ ...task, done: 950, perSecond: 50, secondsLeft: 1 });
  });

  it('gives no rate while no time has passed', () => {
    const meter = new ProgressMeter(task, () => 0);
    expect(meter.sample(500)).toEqual({ ...task, done: 500, perSecond: undefined, secondsLeft: undefined });
  });

  it('samples the first update, then at most ten in a second, and always the end', () => {
    let nowMs = 0;
    const meter = new ProgressMeter(task, () => nowMs);
    const sampled: number[] = [];
    for (nowMs = 0; nowMs < 1000; nowMs += 10) if (meter.sample(nowMs) !== undefined) sampled.push(nowMs);
    expect(sampled).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
    expect(meter.sample(1000)).toMatchObject({ done: 1000, secondsLeft: 0 });
  });
});

describe('progressLine', () => {
  it.each([
    [
      { label: 'pack', unit: 'bytes', total: 2_000_000, done: 500_000, perSecond: 250_000, secondsLeft: 6 },
      'pack  25 % [#######                     ]  500 kB of 2 MB  250 kB/s  0:06 left',
    ],
    [
      { label: 'verify', unit: 'tokens', total: 10_000, done: 1234, perSecond: 12.34, secondsLeft: 3723.1 },
      'verify  12 % [#          ]  1,234 of 10,000 tokens  12.3 tokens/s  1:02:04 left',
    ],
    [
      { label: 'eval', unit: 'windows', total: 3, done: 0, perSecond: undefined, secondsLeft: undefined },
      'eval   0 % [                              ]  0 of 3 windows',
    ],
    [
      { label: 'pack', unit: 'bytes', total: 0, done: 0, perSecond: undefined, secondsLeft: undefined },
      'pack 100 % [##############################]  0 B of 0 B',
    ],
  ] as const)('shows %o', (sample, line) => {
    expect(progressLine(sample, line.length + 3)).toBe(line);
  });

  it.each([
    [100, 'train   5 % [               ]  loss 7.936  1,408 of 25,600 tokens  64 tokens/s  6:18 left  11 MiB'],
    [80, 'train   5 %  loss 7.936  1,408 of 25,600 tokens  64 tokens/s  6:18 left'],
    [60, 'train   5 % [       ]  loss 7.936  64 tokens/s  6:18 left'],
    [40, 'train   5 %  loss 7.936  6:18 left'],
    [30, 'train   5 %  loss 7.936'],
    [15, 'train   5 %'],
  ])('shows on %d columns what says most', (columns, line) => {
    const rest = { detail: 'loss 7.936', remark: '11 MiB', perSecond: 64, secondsLeft: 378 };
    expect(progressLine({ label: 'train', unit: 'tokens', total: 25_600, done: 1408, ...rest }, columns)).toBe(line);
  });

  it('leaves the last three columns of the terminal free, whatever is shown', () => {
    const amount = fc.double({ min: 0, max: 1e13, noNaN: true });
    const columns = fc.integer({ min: 0, max: 200 });
    fc.assert(
      fc.property(amount, amount, amount, columns, (done, total, perSecond, width) => {
        const sample = { label: 'pack', unit: 'bytes', done, total, perSecond, secondsLeft: perSecond } as const;
        expect(progressLine(sample, width).length).toBeLessThanOrEqual(Math.max(0, width - 3));
      }),
    );
  });
});
