/** Log-probabilities, against the definition in double precision. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Scores, type Score } from '../../../serve/scheduler/score.js';

const logits = fc.int32Array({ minLength: 2, maxLength: 50, min: -(2 ** 30), max: 2 ** 30 - 1 });

function scoreOf(values: Int32Array, id: number, top: number): Score {
  const scores = new Scores(top);
  scores.add(values, id);
  return scores.at(0)!;
}

it('is l/4096 minus the logarithm of the sum of all exponentials', () => {
  const { logprob, top } = scoreOf(Int32Array.of(0, 4096, -4096), 2, 1);
  const sum = 1 + Math.E + 1 / Math.E;
  expect(logprob).toBeCloseTo(-1 - Math.log(sum), 12);
  expect(top).toEqual([{ id: 1, logprob: expect.closeTo(1 - Math.log(sum), 12) as number }]);
});

it('sums up to 1 over all tokens, the largest first and equal ones by lower id', () => {
  fc.assert(
    fc.property(logits, (values) => {
      const { top } = scoreOf(values, 0, values.length);
      expect(top.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0)).toBeCloseTo(1, 9);
      const ids = Array.from(values, (_, id) => id).toSorted((a, b) => values[b]! - values[a]! || a - b);
      expect(top.map(({ id }) => id)).toEqual(ids);
    }),
  );
});

it('tells as many as are asked for', () => {
  fc.assert(
    fc.property(logits, fc.nat(60), (values, count) => {
      const all = scoreOf(values, 1, values.length);
      expect(scoreOf(values, 1, count)).toEqual({ ...all, top: all.top.slice(0, count) });
    }),
  );
});

it('is kept of each of many tokens', () => {
  const scores = new Scores(3);
  const rows = Array.from(Array(1000).keys(), (k) => Int32Array.from(Array(50).keys(), (id) => (id * (k + 7)) % 997));
  for (const [k, row] of rows.entries()) scores.add(row, k % 50);
  expect(rows.map((_, k) => scores.at(k))).toEqual(rows.map((row, k) => scoreOf(row, k % 50, 3)));
  expect(scores.at(rows.length)).toBeUndefined();
});
