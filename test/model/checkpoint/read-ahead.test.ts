import { describe, expect, test } from 'vitest';
import { readAhead } from '../../../model/checkpoint/read-ahead.js';

async function collect(count: number, load: (index: number) => Promise<number>): Promise<number[]> {
  const pieces: number[] = [];
  for await (const piece of readAhead(count, load)) pieces.push(piece);
  return pieces;
}

describe('readAhead', () => {
  test.each([0, 1, 2, 5])('yields %i pieces in order', async (count) => {
    const pieces = await collect(count, (index) => Promise.resolve(index));
    expect(pieces).toEqual(Array.from({ length: count }, (_, index) => index));
  });

  test('has the next piece under way while one is used, and no more', async () => {
    let started = 0;
    let used = 0;
    const load = (index: number): Promise<number> => {
      started++;
      return Promise.resolve(index);
    };
    for await (const piece of readAhead(4, load)) {
      expect(piece).toBe(used);
      used++;
      expect(started).toBe(Math.min(4, used + 1));
    }
    expect(used).toBe(4);
  });

  test('passes on the error of the piece that failed', async () => {
    const load = (index: number): Promise<number> =>
      index === 2 ? Promise.reject(new Error('piece 2')) : Promise.resolve(index);
    await expect(collect(4, load)).rejects.toThrow('piece 2');
  });

  test('forgets an error that nobody waits for', async () => {
    const load = (index: number): Promise<number> =>
      index === 1 ? Promise.reject(new Error('piece 1')) : Promise.resolve(index);
    for await (const piece of readAhead(4, load)) {
      expect(piece).toBe(0);
      break;
    }
  });
});
