/** Answers are computed again on another machine, behind everybody who asks; a machine that lies is out of service. */
import { describe, expect, it, test } from 'vitest';
import { Place } from '../../../serve/scheduler/place.js';
import { Scheduler, type SchedulerEvents } from '../../../serve/scheduler/scheduler.js';
import { all, alone, machine, work, type Faults } from './machines.js';

const LIMITS = { queue: 100, perOwner: 100, tokenMs: 60_000, prefixBytes: 2 ** 20 };
const LIAR: Faults = { after: 0, how: 'lie' };

interface Found {
  readonly scheduler: Scheduler;
  audited: number;
  readonly mismatches: (string | undefined)[];
  readonly distrusted: string[];
}

function audited(places: readonly Place[], auditShare = 1): Found {
  const found = { audited: 0, mismatches: [] as (string | undefined)[], distrusted: [] as string[] };
  const events: SchedulerEvents = {
    onAudited: () => found.audited++,
    onMismatch: (_, name) => found.mismatches.push(name),
    onDistrusted: (place) => found.distrusted.push(place.machine.facts.name),
  };
  const scheduler = new Scheduler(
    () => 'tiny',
    () => ({ ...LIMITS, auditShare }),
    events,
  );
  for (const place of places) scheduler.add(place);
  return Object.assign(found, { scheduler });
}

const placeOf = (name: string, kind: string, faults?: Faults, sequences = 1): Place =>
  new Place(machine({ name, kind, sequences }, faults), () => ({ seats: 16 }));

describe('an audit', () => {
  it('computes answers again on another machine, and finds nothing where nobody lies', async () => {
    const tested = audited([placeOf('board A', 'board'), placeOf('cpu', 'cpu')]);
    for (const seed of [1, 2, 3]) expect(await all(tested.scheduler.submit([work(seed)])[0]!)).not.toEqual([]);
    await expect.poll(() => tested.audited).toBe(3);
    expect([tested.mismatches, tested.distrusted]).toEqual([[], []]);
  });

  it('is not done without another machine, or a share of answers', async () => {
    for (const tested of [
      audited([placeOf('board A', 'board')]),
      audited([placeOf('board A', 'board'), placeOf('cpu', 'cpu')], 0),
    ]) {
      await all(tested.scheduler.submit([work(1)])[0]!);
      await tested.scheduler.drained();
      expect(tested.audited).toBe(0);
    }
  });

  it('gives way to whoever asks', async () => {
    const [first, second] = [placeOf('board A', 'board'), placeOf('board B', 'board')];
    const tested = audited([first, second]);
    await all(tested.scheduler.submit([work(1, { maxTokens: 200 })])[0]!);
    const jobs = tested.scheduler.submit([work(2), work(3)]);
    expect((await Promise.all(jobs.map(all))).map((tokens) => tokens.map(({ receipt }) => receipt))).toEqual(
      await Promise.all([alone(work(2)), alone(work(3))]),
    );
    await expect.poll(() => tested.audited).toBe(3);
    expect(tested.mismatches).toEqual([]);
  });
});

describe('a machine that lies', () => {
  test.each<[string, Place[], string | undefined]>([
    ['a board beside the processor', [placeOf('board A', 'board', LIAR), placeOf('cpu', 'cpu')], 'board A'],
    [
      'one of three boards',
      [placeOf('board A', 'board', LIAR), placeOf('board B', 'board'), placeOf('board C', 'board')],
      'board A',
    ],
    [
      'a board by which another one is audited',
      [placeOf('board A', 'board'), placeOf('board B', 'board', LIAR), placeOf('board C', 'board')],
      'board B',
    ],
    [
      'one of two boards, and nobody can say which',
      [placeOf('board A', 'board', LIAR), placeOf('board B', 'board')],
      undefined,
    ],
  ])('is found: %s', async (_, places, name) => {
    const tested = audited(places);
    await all(tested.scheduler.submit([work(1)])[0]!);
    await expect.poll(() => tested.mismatches).toEqual([name]);
    expect([tested.distrusted, [...tested.scheduler.distrusted]]).toEqual(
      name === undefined ? [[], []] : [[name], [name]],
    );
    expect(tested.scheduler.places.map(({ machine: { facts } }) => facts.name)).not.toContain(name);
    // Nothing that it made is known any more.
    expect(tested.scheduler.prefixes.size > 0).toBe(name === undefined);
  });

  it('computes nothing any more: what it computed goes on elsewhere, from its beginning', async () => {
    const board = placeOf('board A', 'board', { after: 1_000_000, how: 'lie' }, 4);
    const tested = audited([board]);
    const job = tested.scheduler.submit([work(5, { maxTokens: 60 })])[0]!;
    while (job.given.length < 5) await new Promise((resolve) => setImmediate(resolve));
    tested.scheduler.distrust(board, new Error('it lies'));
    tested.scheduler.add(placeOf('cpu', 'cpu'));
    const tokens = await all(job);
    expect(tokens.map(({ receipt }) => receipt)).toEqual(await alone(work(5, { maxTokens: 60 })));
    expect(tokens.at(-1)!.machine).toBe('cpu');
  });
});
