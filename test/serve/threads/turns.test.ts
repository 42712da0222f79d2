/** Who is next where one thing is done at a time. */
import { expect, it } from 'vitest';
import { Turns } from '../../../serve/threads/turns.js';

const later = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

it('owners take turns, and each one has his in order', async () => {
  const turns = new Turns();
  const done: string[] = [];
  const all = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'].map(async (name) => {
    await turns.take(name[0]!, async () => {
      await later();
      done.push(name);
    });
  });
  await Promise.all(all);
  expect(done).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2']);
});

it('goes on behind what fails, and is idle behind the last one', async () => {
  const turns = new Turns();
  const failed = turns.take('a', async () => await Promise.reject(new Error('no'))).catch(String);
  let isDone = false;
  void turns.take('a', later).then(() => (isDone = true));
  await turns.idle();
  expect(isDone).toBe(true);
  expect(await failed).toBe('Error: no');
});
