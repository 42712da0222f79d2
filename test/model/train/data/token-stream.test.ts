import { expect, it } from 'vitest';
import { encodeDocuments, randomWindows } from '../../../../model/train/data/token-stream.js';

it('documents follow one another, each behind the token that begins a text', async () => {
  const seen: number[] = [];
  const tokens = await encodeDocuments(
    ['ab', 'c'],
    (text) => Array.from(text, (c) => c.charCodeAt(0)),
    0,
    (n) => seen.push(n),
  );
  expect([...tokens]).toEqual([0, 97, 98, 0, 99]);
  expect(seen).toEqual([2, 1]);
});

it('windows are drawn from seed, step and number alone, and targets are one token behind', () => {
  const tokens = Uint32Array.from({ length: 50 }, (_, k) => k);
  const all = randomWindows(tokens, { seed: 9n, step: 3, first: 0, count: 6, length: 4 });
  const later = randomWindows(tokens, { seed: 9n, step: 3, first: 2, count: 4, length: 4 });
  expect([...all.ids.subarray(8)]).toEqual([...later.ids]);
  expect([...all.targets]).toEqual(Array.from(all.ids, (id) => id + 1));
  expect(Math.max(...all.targets)).toBeLessThan(50);
  expect(randomWindows(tokens, { seed: 9n, step: 4, first: 0, count: 6, length: 4 })).not.toEqual(all);
});
