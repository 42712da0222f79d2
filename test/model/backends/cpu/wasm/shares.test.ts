/**
 * The algorithm of model/backends/cpu/wasm/shares.ts in every order in which threads can run it, an atomic operation at
 * a time: a first thread that begins steps, helpers that wait for their bells, phases whose items are shared out.
 * Written once more, because WebAssembly cannot be stopped between two operations; `together.test.ts` runs the code
 * itself.
 */
import { describe, expect, it } from 'vitest';

/** What is computed: steps of so many phases, whose items are taken in groups. */
interface Work {
  readonly threads: number;
  readonly steps: number;
  readonly phases: number;
  readonly items: number;
  readonly most: number;
}

/** What the algorithm would not be right without. */
type Fault =
  'sleeps without comparing' | 'takes shares of any phase' | 'hands out empty shares' | 'claims without comparing';

interface Slot {
  readonly phase: number;
  readonly share: number;
  readonly group: number;
  readonly isClaimed: boolean;
}

/** What a thread has in mind; null where nothing depends on it, so that fewer states differ. */
interface Thread {
  /** Its next operation. */
  at: number;
  /** The word at which it sleeps. */
  asleep?: number | undefined;
  /** What the word stood at when the thread began to wait for its change. */
  seen: number;
  bell: number;
  phase: number;
  /** The phase whose inputs it has. */
  prepared: number;
  next: { readonly phase: number; readonly share: number } | null;
  holder: number;
  held: Slot | null;
}

interface State {
  /** Words that threads sleep at: the phase, then the bells of the helpers. */
  readonly words: number[];
  readonly sleepers: number[];
  readonly slots: (Slot | null)[];
  readonly threads: Thread[];
  firstPhase: number;
  itemsDone: number;
  next: { readonly phase: number; readonly share: number };
  /** How often each item of each phase was brought in. */
  readonly brought: number[][];
}

const PHASE = 0;

/** One atomic operation. @returns the names of those that may follow */
type Operation = (state: State, me: Thread) => readonly string[];

/** What a thread does, by name. */
function programOf(number: number, work: Work, fault: Fault | undefined): Map<string, Operation> {
  const { threads, items, most } = work;
  const program = new Map<string, Operation>();
  const startOf = (share: number): number => {
    const left = items >> Math.min(2 * Math.floor(share / threads), 31);
    return items - left + Math.floor(((left - (left >> 2)) * (share % threads)) / threads);
  };
  const canCompute = (slot: Slot | null, { phase }: Thread): slot is Slot =>
    slot !== null && !slot.isClaimed && slot.phase === phase;
  const equal = (a: Slot | null, b: Slot | null): boolean => JSON.stringify(a) === JSON.stringify(b);
  const others = [...Array(threads).keys()];

  const change = (name: string, word: number, after: string): void => {
    program.set(name, ({ words }) => {
      words[word]!++;
      return [`${name}, sleepers`];
    });
    program.set(`${name}, sleepers`, ({ sleepers }) => (sleepers[word] === 0 ? [after] : [`${name}, notify`]));
    program.set(`${name}, notify`, (state) => {
      for (const other of state.threads) if (other.asleep === word) other.asleep = undefined;
      return [after];
    });
  };
  const sleep = (name: string, word: number, after: string): void => {
    program.set(name, ({ sleepers }, me) => {
      sleepers[word]!++;
      me.seen = word === PHASE ? me.phase : me.bell;
      return [`${name}, compare`];
    });
    program.set(`${name}, compare`, ({ words }, { seen }) => [
      words[word] === seen ? `${name}, wait` : `${name}, leave`,
    ]);
    program.set(`${name}, wait`, ({ words }, me) => {
      if (fault === 'sleeps without comparing' || words[word] === me.seen) me.asleep = word;
      return [`${name}, compare`];
    });
    program.set(`${name}, leave`, ({ sleepers }, me) => {
      sleepers[word]!--;
      me.seen = 0;
      return [after];
    });
  };

  for (let step = 0; step < work.steps; step++) {
    const afterStep = step + 1 < work.steps ? `step ${step + 1}` : 'end';
    if (number === 0) {
      program.set(`step ${step}`, (state) => {
        state.firstPhase = state.words[PHASE]!;
        return [`step ${step}, ring 1`];
      });
      for (let helper = 1; helper < threads; helper++) {
        const after = helper + 1 < threads ? `step ${step}, ring ${helper + 1}` : `step ${step}, enter`;
        change(`step ${step}, ring ${helper}`, helper, after);
      }
    } else {
      program.set(`step ${step}`, ({ words }, me) => {
        if (words[number] === me.bell) return [`step ${step}, sleep`];
        me.bell = words[number]!;
        return [`step ${step}, enter`];
      });
      sleep(`step ${step}, sleep`, number, `step ${step}, awake`);
      program.set(`step ${step}, awake`, ({ words }, me) => {
        me.bell = words[number]!;
        return [`step ${step}, enter`];
      });
    }
    program.set(`step ${step}, enter`, (state, me) => {
      me.phase = state.firstPhase;
      return [`prepare ${step}.0`];
    });
    for (let phase = 0; phase < work.phases; phase++) {
      const here = `${step}.${phase}`;
      program.set(`prepare ${here}`, ({ words }, me) => {
        if (words[PHASE] === me.phase) me.prepared = me.phase;
        return [`own ${here}`];
      });
      program.set(`own ${here}`, ({ slots, next }, me) => {
        const slot = slots[number]!;
        if (canCompute(slot, me)) return hold(me, number, slot);
        if (slot !== null) return [`look ${here}`];
        // With the next operation at once: nobody else puts anything into an empty slot.
        me.next = next;
        return [`take ${here}`];
      });
      program.set(`take ${here}`, (state, me) => {
        const next = me.next!;
        me.next = null;
        const isMine = fault === 'takes shares of any phase' || next.phase === me.phase;
        if (!isMine || startOf(next.share) === items) return [`look ${here}`];
        let { share } = next;
        if (fault !== 'hands out empty shares') while (startOf(share) === startOf(share + 1)) share++;
        if (JSON.stringify(state.next) !== JSON.stringify(next)) {
          me.next = state.next;
          return [`take ${here}`];
        }
        state.next = { phase: state.next.phase, share: share + 1 };
        me.held = { phase: me.phase, share, group: 0, isClaimed: false };
        return [`publish ${here}`];
      });
      program.set(`publish ${here}`, (state, me) => {
        state.slots[number] = me.held;
        return hold(me, number, me.held!);
      });
      // How often it looks is no other state: what matters is that it may go on at any time.
      program.set(`look ${here}`, ({ words }, me) => {
        if (words[PHASE] === me.phase) return [`own ${here}`, `help 0, ${here}`];
        me.phase++;
        return [phase + 1 < work.phases ? `prepare ${step}.${phase + 1}` : afterStep];
      });
      for (const other of others) {
        program.set(`help ${other}, ${here}`, ({ slots }, me) => {
          const slot = slots[other]!;
          if (canCompute(slot, me)) return hold(me, other, slot);
          return other + 1 < threads ? [`help ${other + 1}, ${here}`] : [`own ${here}`, `sleep ${here}`];
        });
      }
      sleep(`sleep ${here}`, PHASE, `own ${here}`);
      const hold = (me: Thread, holder: number, held: Slot): readonly string[] => {
        me.holder = holder;
        me.held = held;
        return [`claim ${here}`];
      };
      const forget = (me: Thread): readonly string[] => {
        me.holder = 0;
        me.held = null;
        return [`own ${here}`];
      };
      program.set(`claim ${here}`, ({ slots }, me) => {
        if (fault !== 'claims without comparing' && !equal(slots[me.holder]!, me.held)) return forget(me);
        slots[me.holder] = { ...me.held!, isClaimed: true };
        return [`bring in ${here}`];
      });
      program.set(`bring in ${here}`, (state, me) => {
        const { share, group } = me.held!;
        const [first, end] = [startOf(share) + group * most, startOf(share + 1)];
        if (state.words[PHASE] !== me.phase || me.prepared !== me.phase) throw new Error('in another phase');
        const brought = (state.brought[me.phase] ??= Array<number>(items).fill(0));
        for (let item = first; item < Math.min(first + most, end); item++) {
          if (++brought[item]! > 1) throw new Error('brought in twice');
        }
        return [`done ${here}`];
      });
      program.set(`done ${here}`, (state, me) => {
        const { share, group } = me.held!;
        const isLast = startOf(share) + (group + 1) * most >= startOf(share + 1);
        state.slots[me.holder] = isLast ? null : { ...me.held!, group: group + 1 };
        return isLast ? [`count ${here}`] : forget(me);
      });
      program.set(`count ${here}`, (state, me) => {
        const { share } = me.held!;
        state.itemsDone += startOf(share + 1) - startOf(share);
        forget(me);
        return [state.itemsDone < items ? `own ${here}` : `again ${here}`];
      });
      program.set(`again ${here}`, (state) => {
        state.itemsDone = 0;
        return [`shares ${here}`];
      });
      program.set(`shares ${here}`, (state, me) => {
        if (state.brought[me.phase]?.every((times) => times === 1) !== true) throw new Error('not all brought in');
        state.next = { phase: me.phase + 1, share: 0 };
        return [`over ${here}`];
      });
      change(`over ${here}`, PHASE, `own ${here}`);
    }
  }
  return program;
}

/**
 * Runs the threads in every order.
 *
 * @returns how many states there are
 * @throws where the first thread cannot come to its end, and where an item is brought in twice, late or not at all
 */
function statesOf(work: Work, fault?: Fault): number {
  const programs = Array.from({ length: work.threads }, (_, thread) => programOf(thread, work, fault));
  const names = programs.map((program) => [...program.keys(), 'end']);
  const numbers = names.map((list) => new Map(list.map((name, at) => [name, at])));
  const zeros = Array.from({ length: work.threads }, () => 0);
  const start: State = {
    words: [...zeros],
    sleepers: [...zeros],
    slots: zeros.map(() => null),
    firstPhase: 0,
    itemsDone: 0,
    next: { phase: 0, share: 0 },
    brought: [],
    threads: zeros.map(() => ({
      at: 0,
      seen: 0,
      bell: 0,
      phase: 0,
      prepared: -1,
      next: null,
      holder: 0,
      held: null,
    })),
  };
  const found = new Set([JSON.stringify(start)]);
  // What is added while it is gone through is gone through, too.
  for (const text of found) {
    const { threads } = JSON.parse(text) as State;
    const isAtEnd = (number: number): boolean => names[number]![threads[number]!.at] === 'end';
    const able = zeros.map((_, k) => k).filter((k) => threads[k]!.asleep === undefined && !isAtEnd(k));
    if (able.length === 0 && !isAtEnd(0)) throw new Error(`all sleep: ${text}`);
    for (const number of able) {
      const next = JSON.parse(text) as State;
      const me = next.threads[number]!;
      const name = names[number]![me.at]!;
      for (const after of programs[number]!.get(name)!(next, me)) {
        me.at = numbers[number]!.get(after)!;
        found.add(JSON.stringify(next));
      }
    }
  }
  return found.size;
}

const TWO: Work = { threads: 2, steps: 1, phases: 2, items: 2, most: 1 };

describe('shares', () => {
  it.each<Work>([
    { ...TWO, steps: 2, phases: 1 },
    { ...TWO, items: 3 },
    { ...TWO, items: 1 },
    { threads: 3, steps: 1, phases: 1, items: 1, most: 1 },
  ])('are brought in once, in every order: $threads threads, $steps × $phases × $items', (work) => {
    expect(statesOf(work)).toBeGreaterThan(1000);
  });

  it.each<[Fault, string, Work]>([
    ['sleeps without comparing', 'all sleep', TWO],
    ['takes shares of any phase', 'in another phase', TWO],
    ['hands out empty shares', 'in another phase', { ...TWO, items: 1 }],
    ['claims without comparing', 'brought in twice', TWO],
  ])('would not be if a thread %s', (fault, why, work) => {
    expect(() => statesOf(work, fault)).toThrow(why);
  });
});
