/**
 * How the threads of a step wait for each other and share out the work.
 *
 * A waiting thread looks for about 17 µs and then sleeps. On free cores that is nearly always enough: a fifth of it
 * costs a tenth of the speed, for waking takes longer. Where two threads have one core, looking takes the time of the
 * one that is waited for: this much costs a sixth of the speed there.
 *
 * All words here are atomic, so there is one order of everything that threads do with them (WebAssembly threads
 * proposal, memory model). What it has to give:
 *
 * - Nobody passes a barrier before all are there. A thread reads the turn before it arrives, and the turn changes only
 *   when all have arrived: what it waits for is the end of its own turn, not of a later one. Who is late in leaving
 *   keeps nobody from the next barrier, which it has to reach itself before the turn changes again.
 * - No wake is lost. A sleeper counts itself, looks at the word once more, and goes to sleep only if it still has its
 *   value, which the engine compares while it holds the list of those asleep. Whoever changes the word does so first,
 *   and looks for sleepers then. So either the sleeper sees the change, or the changer sees the sleeper, and finds it
 *   in the list or makes that comparison fail.
 *
 * `test/model/backends/cpu/wasm/barrier.test.ts` tries every order of two and three threads.
 */
import { BARRIER_ARRIVED, BARRIER_TURN, BELL_BYTES, BELLS, MAX_THREADS, NEXT_SHARE, SLEEPERS } from '../layout';

const LOOKS = 5000;

/**
 * `Atomics.wait` of JavaScript, without end. Not `memory.atomic.wait32`: in a loop, the baseline compiler of V8 11.3
 * (Node 20) loses the registers that hold its operands, and the second time the thread sleeps at another address, where
 * nobody wakes it (findings/).
 */
@external("env", "sleep")
declare function sleep(word: usize, value: i32): void;

/**
 * Returns when all threads are here. What each wrote before is seen by all afterwards, and shares are counted from 0
 * again.
 */
export function barrier(threads: i32): void {
  const turn = atomic.load<i32>(BARRIER_TURN);
  if (atomic.add<i32>(BARRIER_ARRIVED, 1) == threads - 1) {
    atomic.store<i32>(BARRIER_ARRIVED, 0);
    atomic.store<i32>(NEXT_SHARE, 0);
    change(BARRIER_TURN);
  } else {
    awaitChange(BARRIER_TURN, turn);
  }
}

/** The next share of this phase, counted from 0: a thread on a slow core takes fewer of them. */
@inline
export function nextShare(): i32 {
  return atomic.add<i32>(NEXT_SHARE, 1);
}

/**
 * Where a share of `count` things begins; it ends where the next one begins, and `count` is behind the last one. Three
 * quarters of what is left go to the threads in equal shares, again and again: the first ones are large, since another
 * core's word costs as much to take as thousands of weights, and the last ones small, so that nobody waits long for the
 * last thread.
 */
@inline
export function startOfShare(share: i32, count: i32, threads: i32): i32 {
  const left = count >> min(2 * (share / threads), 31);
  return count - left + ((left - (left >> 2)) * (share % threads)) / threads;
}

/** Wakes a thread for a step, or to leave. */
export function ring(thread: i32): void {
  change(BELLS + thread * BELL_BYTES);
}

/** Waits until the bell has rung since it stood at `seen`. @returns what it stands at */
export function awaitBell(thread: i32, seen: i32): i32 {
  const bell: usize = BELLS + thread * BELL_BYTES;
  awaitChange(bell, seen);
  return atomic.load<i32>(bell);
}

/** Counts a word up, and wakes all who sleep there. */
function change(word: usize): void {
  atomic.add<i32>(word, 1);
  if (atomic.load<i32>(word, SLEEPERS) != 0) atomic.notify(word, MAX_THREADS);
}

/** Returns when a word has another value. */
function awaitChange(word: usize, value: i32): void {
  for (let look = 0; look < LOOKS; look++) {
    if (atomic.load<i32>(word) != value) return;
  }
  atomic.add<i32>(word, 1, SLEEPERS);
  while (atomic.load<i32>(word) == value) sleep(word, value);
  atomic.sub<i32>(word, 1, SLEEPERS);
}
