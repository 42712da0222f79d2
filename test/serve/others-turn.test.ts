/** Long work gives others their turn: what waits for the network is looked after meanwhile. */
import { expect, it } from 'vitest';
import { jsonBody } from '../../serve/answers/json-body.js';
import { LateList } from '../../serve/answers/json-parts.js';
import { othersTurn } from '../../serve/others-turn.js';
import { compute } from '../../serve/scheduler/compute.js';
import { Job } from '../../serve/scheduler/job.js';
import { Prefixes } from '../../serve/scheduler/prefixes.js';
import { machine, work } from './scheduler/machines.js';

/** Turns that others have while something is done: with promises alone they have none. */
async function turnsDuring(done: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const take = (): void => {
    turns++;
    if (!isOver) setImmediate(take);
  };
  setImmediate(take);
  await done;
  isOver = true;
  return turns;
}

it('who comes first goes on first, and others have a turn between two', async () => {
  for (const stopMs = performance.now() + 10; performance.now() < stopMs;);
  const told: string[] = [];
  const waiting = ['a', 'b'].map(async (name) => {
    await othersTurn();
    told.push(name);
  });
  const take = (): void => void (told.push('others') < 20 && setImmediate(take));
  setImmediate(take);
  await Promise.all(waiting);
  expect(told.join(' ')).toMatch(/a( others)+ b$/);
});

it('a long answer does, while it is written', async () => {
  const list = new LateList(() => Array(300_000).keys());
  const written = async (): Promise<string> => await new Response(await jsonBody({ list })).text();
  expect(await turnsDuring(written())).toBeGreaterThan(2);
});

it('a part of an answer does, of which each piece takes long', async () => {
  const slow = (): number => {
    for (const stopMs = performance.now() + 2; performance.now() < stopMs;);
    return 1;
  };
  const list = LateList.of(Array(20).keys(), slow);
  expect(await turnsDuring(jsonBody({ list }))).toBeGreaterThan(2);
});

it('log-probabilities of a long prompt do, where a machine gives the logits of many tokens at once', async () => {
  const { facts } = machine();
  const logits = Int32Array.from({ length: facts.shape.vocabSize }, (_, id) => id);
  const prompt = Array<number>(3_000).fill(1);
  const sequence = {
    async *feed(ids: readonly number[]) {
      for (const token of ids) yield await Promise.resolve({ token, receipt: 0, logits });
    },
  } as unknown as Parameters<typeof compute>[2];
  const asked = work(1, { prompt, maxTokens: 0, top: 20, scoresPrompt: true });
  const job = new Job(asked, 0);
  const receiver = {
    token: () => true,
    promptToken: (id: number, given: Int32Array) => job.promptScores.add(given, id),
  };
  const computed = compute(job, machine(), sequence, receiver, new Prefixes(() => 0), asked.signal);
  expect(await turnsDuring(computed)).toBeGreaterThan(2);
  expect(job.promptScores.length).toBe(prompt.length - 1);
});
