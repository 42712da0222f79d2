/**
 * The algorithm of model/backends/cpu/wasm/barrier.ts in every order in which threads can run it, an atomic operation
 * at a time: a first thread that rings for each step, helpers that wait for their bells, and two barriers in a step.
 * Written once more, because WebAssembly cannot be stopped between two operations; `together.test.ts` runs the code
 * itself.
 */
import { describe, expect, it } from 'vitest';

const STEPS = 2;
const BARRIERS = 2;
/** The word of the barrier; that of thread t's bell is t. */
const TURN = 0;

interface Thread {
  /** Its next operation. */
  at: number;
  /** The word at which it sleeps. */
  asleep?: number | undefined;
  /** What a word stood at when the thread began to wait for its change. */
  seen: number;
  /** Barriers that it has reached. */
  reached: number;
}

interface State {
  readonly values: number[];
  readonly sleepers: number[];
  arrived: number;
  readonly threads: Thread[];
}

/** One atomic operation. @returns the operation that follows, if it is not the next one */
type Operation = (state: State, me: Thread) => number | undefined;

/** Whether a thread that goes to sleep compares the word once more, as `Atomics.wait` does. */
type Sleep = 'compares' | 'does not compare';

/** What a thread does. */
function programOf(thread: number, threads: number, sleep: Sleep): Operation[] {
  const program: Operation[] = [];
  const change = (word: number): void => {
    const end = program.length + 3;
    program.push(
      ({ values }) => void values[word]!++,
      ({ sleepers }) => (sleepers[word] === 0 ? end : undefined),
      (state) => {
        for (const other of state.threads) if (other.asleep === word) other.asleep = undefined;
        return undefined;
      },
    );
  };
  const awaitChange = (word: number): void => {
    const start = program.length;
    const end = start + 5;
    const hasChanged: Operation = ({ values }, { seen }) => (values[word] === seen ? undefined : end);
    program.push(
      // Looking on is no other state: what matters is that it may end at any time.
      hasChanged,
      ({ sleepers }) => void sleepers[word]!++,
      ({ values }, { seen }) => (values[word] === seen ? undefined : start + 4),
      ({ values }, me) => {
        if (sleep === 'does not compare' || values[word] === me.seen) me.asleep = word;
        return start + 2;
      },
      ({ sleepers }) => void sleepers[word]!--,
    );
  };
  const barrier = (): void => {
    const arrive = program.length + 1;
    const wait = arrive + 6;
    const end = wait + 5;
    program.push(
      ({ values }, me) => void (me.seen = values[TURN]!),
      (state, me) => {
        me.reached++;
        return ++state.arrived === threads ? undefined : wait;
      },
      (state) => void (state.arrived = 0),
    );
    change(TURN);
    program.push(() => end);
    awaitChange(TURN);
    program.push((state, me) => {
      for (const other of state.threads) expect(other.reached).toBeGreaterThanOrEqual(me.reached);
      return undefined;
    });
  };
  for (let step = 0; step < STEPS; step++) {
    if (thread === 0) for (let helper = 1; helper < threads; helper++) change(helper);
    else {
      program.push((_, me) => void (me.seen = step));
      awaitChange(thread);
    }
    for (let k = 0; k < BARRIERS; k++) barrier();
  }
  return program;
}

/**
 * Runs the threads in every order.
 *
 * @returns how many states there are
 * @throws where nobody can go on, and where a barrier was passed too early
 */
function statesOf(count: number, sleep: Sleep): number {
  const programs = Array.from({ length: count }, (_, thread) => programOf(thread, count, sleep));
  const start: State = {
    values: Array.from({ length: count }, () => 0),
    sleepers: Array.from({ length: count }, () => 0),
    arrived: 0,
    threads: programs.map(() => ({ at: 0, seen: 0, reached: 0 })),
  };
  const found = new Set([JSON.stringify(start)]);
  // What is added while it is gone through is gone through, too.
  for (const text of found) {
    const isDone = (thread: Thread, number: number): boolean => thread.at === programs[number]!.length;
    const { threads } = JSON.parse(text) as State;
    const able = [...threads.keys()].filter((k) => threads[k]!.asleep === undefined && !isDone(threads[k]!, k));
    if (able.length === 0 && !threads.every(isDone)) throw new Error(`all sleep: ${text}`);
    for (const number of able) {
      const next = JSON.parse(text) as State;
      const me = next.threads[number]!;
      const operation = programs[number]![me.at]!;
      me.at = operation(next, me) ?? me.at + 1;
      found.add(JSON.stringify(next));
    }
  }
  return found.size;
}

describe('the barrier', () => {
  it.each([2, 3])('lets %i threads go on in every order, and nobody before all are there', (threads) => {
    expect(statesOf(threads, 'compares')).toBeGreaterThan(300);
  });

  it('would lose a wake if who goes to sleep did not compare once more', () => {
    expect(() => statesOf(2, 'does not compare')).toThrow('all sleep');
  });
});
