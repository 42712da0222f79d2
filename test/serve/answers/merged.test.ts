/** Several iterations as one. */
import { expect, it } from 'vitest';
import { merged } from '../../../serve/answers/merged.js';

async function* counting(name: string, count: number, error?: Error): AsyncGenerator<string, void> {
  for (let index = 0; index < count; index++) yield await Promise.resolve(`${name}${index}`);
  if (error !== undefined) throw error;
}

it('has all items, those of each in order', async () => {
  const items: string[] = [];
  for await (const item of merged([counting('a', 3), counting('b', 2)])) items.push(item);
  expect(items.toSorted()).toEqual(['a0', 'a1', 'a2', 'b0', 'b1']);
  expect(items.filter((item) => item.startsWith('a'))).toEqual(['a0', 'a1', 'a2']);
});

// With Promise.race, each of 128 choices of a stream remembered every item of the others: 70 ms at once for nothing.
it('has them in the order in which they came, so that nobody comes last every time', async () => {
  const items: string[] = [];
  for await (const item of merged([counting('a', 2), counting('b', 2), counting('c', 2)])) items.push(item);
  expect(items).toEqual(['a0', 'b0', 'c0', 'a1', 'b1', 'c1']);
});

// It used to end the service: a stream whose reader is slow is not looked at when its text fails.
it('that fails while nobody wants its next item says so when somebody does', async () => {
  const items = merged([counting('a', 1, new Error('the machine is gone'))]);
  await items.next();
  const unheard: unknown[] = [];
  const hear = (error: unknown): void => void unheard.push(error);
  process.on('unhandledRejection', hear);
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', hear);
  expect(unheard).toEqual([]);
  await expect(items.next()).rejects.toThrow('the machine is gone');
});

it('ends all of them when nobody wants more', async () => {
  let isEnded = false;
  async function* endless(): AsyncGenerator<number, void> {
    try {
      for (;;) yield await Promise.resolve(1);
    } finally {
      isEnded = true;
    }
  }
  for await (const _ of merged([endless()])) break;
  await new Promise((resolve) => setImmediate(resolve));
  expect(isEnded).toBe(true);
});
