/** A first thread that is there before its job. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startAhead, startThread } from '../../../../../model/backends/cpu/node/start-thread.js';
import { GREEDY } from '../../../../../protocol/sampling.js';
import { cpuOf } from '../../../../helpers/cpu.js';
import { gathered, referenceOf } from '../../../../helpers/machines.js';
import { randomModel } from '../../../../oracle/random-model.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
// What a test has left does not reach the next one.
afterEach(() => void vi.runAllTimers().useRealTimers());

const sections = randomModel(25, { shape: { eosTokenId: 52 } });

/** Threads are numbered in the order of their start. */
async function numberOfNewThread(): Promise<number> {
  const worker = new Worker('', { eval: true });
  const { threadId } = worker;
  await worker.terminate();
  return threadId;
}

/** What the first thread of a machine has for its number; the machine computes what it must. */
async function numberOfFirst(): Promise<number> {
  const numbers: number[] = [];
  const machine = await cpuOf(sections, {
    threads: 1,
    start(order) {
      const worker = startThread(order);
      numbers.push(worker.threadId);
      return worker;
    },
  });
  const request = { prompt: [3], maxTokens: 5, sampler: GREEDY };
  const found = await gathered((await machine.open()).generate(request));
  expect(found).toEqual(await gathered((await referenceOf(sections).open()).generate(request)));
  await machine.close();
  expect(numbers).toHaveLength(1);
  return numbers[0]!;
}

describe.skipIf(availableParallelism() === 1)('a thread that was started ahead', () => {
  it('gets the next job, and no other one', async () => {
    const before = await numberOfNewThread();
    startAhead();
    // There is one.
    startAhead();
    expect(await numberOfNewThread()).toBe(before + 2);
    expect(await numberOfFirst()).toBe(before + 1);
    expect(await numberOfFirst()).toBe(before + 3);
  });

  it('ends if nobody wants it', async () => {
    const before = await numberOfNewThread();
    startAhead();
    vi.runAllTimers();
    expect(await numberOfFirst()).toBe(before + 2);
  });
});
