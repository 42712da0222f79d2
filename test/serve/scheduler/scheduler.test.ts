/**
 * Jobs on machines: under load, more urgent than others, given up, and on machines that are lost. No text changes by
 * any of it.
 */
import { describe, expect, it } from 'vitest';
import type { Job } from '../../../serve/scheduler/job.js';
import { Place, type PlaceLimits } from '../../../serve/scheduler/place.js';
import { Scheduler, type SchedulerEvents, type SchedulerLimits } from '../../../serve/scheduler/scheduler.js';
import { all, alone, machine, work } from './machines.js';

const LIMITS: SchedulerLimits = { queue: 100, perOwner: 100, tokenMs: 60_000, prefixBytes: 2 ** 20, auditShare: 0 };

function scheduler(
  places: readonly Place[],
  limits: Partial<SchedulerLimits> = {},
  events: SchedulerEvents = {},
): Scheduler {
  const made = new Scheduler(
    () => 'tiny',
    () => ({ ...LIMITS, ...limits }),
    events,
  );
  for (const place of places) made.add(place);
  return made;
}

/** Bounds of a place. */
const seats = (count: number) => (): PlaceLimits => ({ seats: count });
const one = (): Place => new Place(machine({ sequences: 1 }), seats(16));

const receipts = async (job: Job): Promise<number[]> => (await all(job)).map(({ receipt }) => receipt);

/** Resolves when a job has so many tokens. */
async function given(job: Job, count: number): Promise<void> {
  while (job.given.length < count && !job.isDone) await new Promise((resolve) => setImmediate(resolve));
}

describe('under load', () => {
  it('each text is the one that it is alone, on whatever machine', async () => {
    const tested = scheduler([one(), one(), new Place(machine(), seats(4))]);
    const works = Array.from({ length: 60 }, (_, seed) =>
      work(seed, { maxTokens: 5 + (seed % 20), owner: `${seed % 3}` }),
    );
    const found = await Promise.all(works.map(async (item) => await receipts(tested.submit([item])[0]!)));
    expect(found).toEqual(await Promise.all(works.map(alone)));
    expect(found.every((list) => list.length > 0)).toBe(true);
  });

  it('boards take one text each, and the emptiest machine comes first', () => {
    const places = [one(), one(), new Place(machine(), seats(2))];
    const tested = scheduler(places);
    tested.submit([work(1), work(2), work(3)]);
    expect(places.map(({ runs }) => runs.size)).toEqual([1, 1, 1]);
    tested.submit([work(4), work(5)]);
    expect([places.map(({ runs }) => runs.size), tested.waiting]).toEqual([[1, 1, 2], 1]);
  });

  it('who waits in vain is told when to come again', () => {
    const tested = scheduler([one()], { queue: 2 });
    tested.submit([work(1), work(2), work(3)]);
    expect(() => tested.submit([work(4)])).toThrow(
      expect.objectContaining({
        status: 429,
        code: 'queue_full',
        retryAfterSeconds: expect.toSatisfy((s) => s >= 1 && s <= 60) as number,
      }),
    );
    // All or none.
    expect(() => scheduler([one()], { queue: 2 }).submit([1, 2, 3, 4].map((seed) => work(seed)))).toThrow(
      'the queue is full: 0 texts in it',
    );
  });

  it('one owner has a bounded number, and others go on', () => {
    const tested = scheduler([one()], { perOwner: 2 });
    tested.submit([work(1), work(2)]);
    expect(() => tested.submit([work(3)])).toThrow(expect.objectContaining({ status: 429, code: 'key_busy' }));
    tested.submit([work(3, { owner: 'b' })]);
    expect(tested.waiting).toBe(2);
  });

  it('owners take turns', async () => {
    const started: string[] = [];
    const tested = scheduler([one()], {}, { onStart: ({ work: { owner } }) => void started.push(owner) });
    const of = (owner: string, count: number): Job[] =>
      tested.submit(Array.from({ length: count }, (_, seed) => work(seed, { owner, maxTokens: 10 })));
    await Promise.all([...of('a', 4), ...of('b', 2)].map(all));
    expect(started.join('')).toBe('ababaa');
  });
});

describe('priority', () => {
  it('takes the place of a text that goes on afterwards as if nothing had been', async () => {
    const preempted: Job[] = [];
    const tested = scheduler([one()], {}, { onPreempted: (job) => void preempted.push(job) });
    const low = work(1, { maxTokens: 200, priority: -1 });
    const [slow] = tested.submit([low]) as [Job];
    await given(slow, 3);
    const high = work(2);
    const [urgent] = tested.submit([high]) as [Job];
    expect(await receipts(urgent)).toEqual(await alone(high));
    expect([slow.isDone, preempted]).toEqual([false, [slow]]);
    expect(await receipts(slow)).toEqual(await alone(low));
  });

  it('stops a text in the middle of its prompt, and that is not fed twice', async () => {
    const tested = scheduler([one()]);
    const low = work(1, { prompt: Array.from({ length: 300 }, (_, k) => k), priority: 0 });
    const [slow] = tested.submit([low]) as [Job];
    await new Promise((resolve) => setImmediate(resolve));
    const [urgent] = tested.submit([work(2, { priority: 5 })]) as [Job];
    await all(urgent);
    expect([slow.given.length, slow.fed > 0 && slow.fed < 300]).toEqual([0, true]);
    expect(await receipts(slow)).toEqual(await alone(low));
  });

  it('leaves a text where it is whose machine gives no states', async () => {
    const { can } = machine().facts;
    const tested = scheduler([new Place(machine({ sequences: 1, can: { ...can, state: false } }), seats(1))]);
    const [slow, urgent] = [...tested.submit([work(1)]), ...tested.submit([work(2, { priority: 9 })])] as [Job, Job];
    await all(slow);
    expect(await receipts(urgent)).toEqual(await alone(work(2)));
  });
});

describe('who leaves', () => {
  it('frees the place within a token', async () => {
    const leaver = new AbortController();
    const tested = scheduler([one()]);
    const [job] = tested.submit([work(1, { maxTokens: 100_000, signal: leaver.signal })]) as [Job];
    await given(job, 3);
    leaver.abort();
    const seen = job.given.length;
    await all(job);
    await tested.drained();
    expect(job.given.length - seen).toBeLessThanOrEqual(1);
  });

  it('is not waited for in the queue, where only his text goes', async () => {
    const leaver = new AbortController();
    const tested = scheduler([one()]);
    const [, waiting, behind] = tested.submit([work(1), work(2, { signal: leaver.signal }), work(3)]) as [
      Job,
      Job,
      Job,
    ];
    leaver.abort();
    expect([waiting.isDone, tested.waiting]).toEqual([true, 1]);
    expect(await receipts(behind)).toEqual(await alone(work(3)));
    expect(waiting.startedMs).toBeUndefined();
  });
});

describe('a machine that is lost', () => {
  it.each(['throw', 'hang'] as const)(
    'by a %s is out of service, and another one goes on with its text',
    async (how) => {
      const lost: unknown[] = [];
      const bad = new Place(machine({ sequences: 1, name: 'bad' }, { after: 7, how }), seats(1));
      const tested = scheduler([bad], { tokenMs: 200 }, { onLost: (place) => void lost.push(place) });
      const [job] = tested.submit([work(1)]) as [Job];
      await given(job, 5);
      tested.add(new Place(machine({ name: 'good' }), seats(4)));
      const tokens = await all(job);
      expect(tokens.map(({ receipt }) => receipt)).toEqual(await alone(work(1)));
      expect(tokens.map(({ machine: name }) => name)).toEqual([
        ...Array.from({ length: 7 }, () => 'bad'),
        ...Array.from({ length: tokens.length - 7 }, () => 'good'),
      ]);
      expect([lost, tested.places.length]).toEqual([[bad], 1]);
    },
  );

  it('is none that refuses a text: that fails, and its place is free for the next', async () => {
    const place = new Place(machine({ sequences: 1 }, { after: 40, how: 'refuse' }), seats(1));
    const tested = scheduler([place]);
    const [good, bad] = tested.submit([work(1), work(2)]) as [Job, Job];
    expect(await receipts(good)).toEqual(await alone(work(1)));
    await expect(all(bad)).rejects.toThrow(RangeError);
    const [next] = tested.submit([work(3)]) as [Job];
    await expect(all(next)).rejects.toThrow(RangeError);
    expect(tested.places).toEqual([place]);
  });

  it('is found out if another one computes something else', async () => {
    const tested = scheduler([new Place(machine({ sequences: 1, name: 'bad' }, { after: 5, how: 'throw' }), seats(1))]);
    const [job] = tested.submit([work(1)]) as [Job];
    tested.add(new Place(machine({ name: 'liar' }, { after: 2, how: 'lie' }), seats(1)));
    await expect(all(job)).rejects.toMatchObject({
      status: 500,
      code: 'machine_differs',
      message: expect.stringContaining('token 2') as string,
    });
  });

  it('ends a text with an error to ask again after, if there is no other', async () => {
    const tested = scheduler([new Place(machine({}, { after: 5, how: 'throw' }), seats(2))], { tokenMs: 50 });
    const jobs = tested.submit([work(1), work(2)]);
    for (const job of jobs) {
      await expect(all(job)).rejects.toMatchObject({ status: 503, retryAfterSeconds: 5 });
    }
    expect(() => tested.submit([work(3)])).toThrow(expect.objectContaining({ code: 'no_machine' }));
  });
});

it('at the end, texts that are computed and those that wait fail so that clients ask again', async () => {
  const tested = scheduler([one()]);
  const jobs = tested.submit([work(1, { maxTokens: 100_000 }), work(2)]);
  await given(jobs[0]!, 1);
  tested.close();
  for (const job of jobs) await expect(all(job)).rejects.toMatchObject({ status: 503, code: 'shutting_down' });
  expect(() => tested.submit([work(3)])).toThrow(expect.objectContaining({ code: 'shutting_down' }));
});
