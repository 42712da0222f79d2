import { expect, it } from 'vitest';
import { TokenStore } from '../../../../model/train/data/token-store.js';

it.each([
  ['two', 2 ** 16],
  ['four', 2 ** 16 + 1],
])('ids of a vocabulary that takes %s bytes are given back, over the edges of blocks too', (_, vocabulary) => {
  const store = new TokenStore(vocabulary, 64);
  const id = (at: number): number => (Math.imul(at + 1, 0x9e37_79b1) >>> 0) % vocabulary;
  const count = 3 * 64 + 5;
  store.push([]);
  for (let at = 0; at < count; at += 37) {
    store.push(Array.from({ length: Math.min(37, count - at) }, (__, k) => id(at + k)));
  }
  expect(store.length).toBe(count);
  for (const [start, end] of [
    [0, 0],
    [0, 3],
    [62, 66],
    [count - 3, count],
  ] as const) {
    expect([...store.subarray(start, end)]).toEqual(Array.from({ length: end - start }, (__, k) => id(start + k)));
  }
  expect(store.subarray(5, count - 1).every((value, k) => value === id(5 + k))).toBe(true);
});
