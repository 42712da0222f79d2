import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { RESULT_WORDS } from '../../../../model/backends/gpu/kernels/control.js';
import { RESULT_SLOTS } from '../../../../model/backends/gpu/run-kernels.js';
import type { SequencePool } from '../../../../model/backends/gpu/sequence-pool.js';
import { TokenRun, type Tenant } from '../../../../model/backends/gpu/token-run.js';
import { TokenRuns } from '../../../../model/backends/gpu/token-runs.js';
import { samplerSettings } from '../../../../model/integer/sampler.js';

const SHAPE = { vocabSize: 9, hiddenSize: 1, intermediateSize: 1, layers: 1, bosTokenId: 0, eosTokenId: 8 };
const SAMPLER = samplerSettings({ temperature: 0, topK: 1, topP: 1, seed: 1n });

/** A pool that computes token 5 for everybody, and notes what it is told. */
function poolOf(log: string[]): SequencePool {
  const nothing = { buffer: undefined, count: 1, slot: 0 };
  const pool: Partial<Record<keyof SequencePool, unknown>> = {
    step: () => ({ encode: () => {}, dispatches: [] }),
    control: (blocks: ReadonlyMap<number, { readonly token: number }>) => {
      for (const [row, { token }] of blocks) log.push(`row ${row} begins with ${token}`);
    },
    stop: (row: number) => log.push(`row ${row} stops`),
    copy: () => log.push('back to a snapshot'),
    place: () => nothing,
    placeBefore: () => nothing,
    submit: async (
      _: number,
      __: unknown,
      rows: number,
      steps: number,
      lead: number,
      steer: (done: number) => void,
    ) => {
      for (let step = 1; step <= lead; step++) steer(step);
      log.push(`${steps} steps of ${rows}`);
      const words = Array.from(
        { length: rows * RESULT_SLOTS * RESULT_WORDS },
        (___, k) => [5, 0, 1][k % RESULT_WORDS]!,
      );
      return await Promise.resolve(Uint32Array.from(words).buffer);
    },
  };
  // What runs use of it.
  return pool as unknown as SequencePool;
}

// It used to join again at once, with a state that was not back yet: its tokens were those of another text.
it('a run that was set aside joins again only when its state is back', async () => {
  const log: string[] = [];
  let arrive = (): void => {};
  const feed = async (_: Tenant, tokens: readonly number[]): Promise<void> => {
    log.push(`${tokens.length} fed again …`);
    await new Promise<void>((resolve) => (arrive = resolve));
    log.push('… are there');
  };
  const runs = new TokenRuns({ pool: poolOf(log), shape: SHAPE, move: () => {}, feed });
  const [slow, quick] = [0, 1].map((slot) => new TokenRun({ slot }, [1], 1000, SAMPLER, 0));
  const take = async (run: TokenRun | undefined): Promise<unknown> => runs.take(run!) ?? (await runs.next(run!));
  await Promise.all([slow, quick].map(take));
  // One goes on until it waits for the other, and is waited for no longer.
  for (let k = 0; k < 40; k++) await take(quick);
  expect(log.filter((line) => line.startsWith('row 0 stops'))).toHaveLength(1);
  log.length = 0;
  const again = take(slow);
  await sleep(20);
  expect(log).toEqual([]);
  arrive();
  expect(await again).toEqual({ id: 5, receipt: 0 });
  expect(log[0]).toBe('… are there');
  expect(log.filter((line) => line.includes('begins'))).toHaveLength(1);
});

// The GPU used to wait until all callers had looked at their tokens, which short texts never caught up with.
it('the next steps are on their way before anybody looks at his tokens', async () => {
  const log: string[] = [];
  const feed = (): Promise<void> => Promise.reject(new Error('nothing is fed apart'));
  const runs = new TokenRuns({ pool: poolOf(log), shape: SHAPE, move: () => {}, feed });
  await runs.next(new TokenRun({ slot: 0 }, [1], 1000, SAMPLER, 0));
  log.push('a token is read');
  const steps = [1, 2, 4, 8].map((count) => `${count} steps of 1`);
  expect(log).toEqual(['row 0 begins with 1', ...steps, 'a token is read']);
});

// They used to be fed one sequence after the other, which took a batch as long as a step of each.
it('tokens that are given first are steps of all runs together', async () => {
  const log: string[] = [];
  const feed = (): Promise<void> => Promise.reject(new Error('nothing is fed apart'));
  const runs = new TokenRuns({ pool: poolOf(log), shape: SHAPE, move: () => {}, feed });
  const [long, short] = [[1, 2, 3], [4]].map((given, slot) => new TokenRun({ slot }, given, 4, SAMPLER, 0));
  const tokensOf = async (run: TokenRun | undefined): Promise<number> => {
    for (let count = 0; ; count++) if ((runs.take(run!) ?? (await runs.next(run!))) === undefined) return count;
  };
  expect(await Promise.all([long, short].map(tokensOf))).toEqual([4, 4]);
  expect(log.slice(0, 5)).toEqual([
    'row 0 begins with 1',
    'row 1 begins with 4',
    'row 0 begins with 2',
    'row 0 begins with 3',
    '3 steps of 2',
  ]);
  expect(long!.chain).toEqual([1, 2, 3, 5, 5, 5, 5]);
});
