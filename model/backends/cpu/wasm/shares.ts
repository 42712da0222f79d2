/**
 * How the threads of a step share out its work, and wait for each other.
 *
 * A step is a row of phases, each of which needs what the one before has made. The items of a phase are shared out; a
 * thread computes its share in groups. It computes a group in memory of its own, and then claims it: only who has the
 * claim brings the result to where all can see it. So a thread that waits for the end of a phase can compute what
 * another one holds, and a thread that has lost its core for a while costs its core, and not the time of all: when it
 * comes back it finds its group claimed, and the phase over, and catches up. What it computed by then, from vectors
 * that may have changed meanwhile, nobody uses.
 *
 * A waiting thread looks for about 17 µs, then helps those that are late, and sleeps where there is nothing to help
 * with. On free cores that is nearly always enough: a fifth of it costs a tenth of the speed, for waking takes longer.
 *
 * All words here are atomic, so there is one order of everything that threads do with them (WebAssembly threads
 * proposal, memory model). What it has to give:
 *
 * - Every item of a phase is brought in once, and before the next phase begins. A share is taken by one thread, as the
 *   word of shares changes from one value to the next; it carries the number of the phase, so that nobody takes one in
 *   a phase that it has not prepared for. What a thread holds, its slot, says phase, share and group; it is claimed by
 *   the one that changes it from that to the same with a mark, and no value comes again. The phase ends when as many
 *   items were brought in as there are.
 * - No wake is lost. A sleeper counts itself, looks at the word once more, and goes to sleep only if it still has its
 *   value, which the engine compares while it holds the list of those asleep. Whoever changes the word does so first,
 *   and looks for sleepers then. So either the sleeper sees the change, or the changer sees the sleeper, and finds it
 *   in the list or makes that comparison fail.
 *
 * `test/model/backends/cpu/wasm/shares.test.ts` tries every order of two and three threads.
 */
import { BELL_BYTES, BELLS, ITEMS_DONE, MAX_THREADS, NEXT_SHARE, PHASE, SLEEPERS, SLOT } from '../layout';

const LOOKS = 5000;
/** In a slot: phase, share + 1, group, and whether the group is claimed. */
const SHARE_SHIFT = 16;
const NEXT_GROUP: u64 = 2;
const CLAIMED: u64 = 1;

/** This thread, and with how many it computes. */
let me: i32 = 0;
let all: i32 = 1;
/** The phase that it is in; it may be over. */
let phase: u32 = 0;
/** How often it has looked for the end of this phase. */
let looks: i32 = 0;
/** The present group: whose it is, what its slot says, its first item and the one behind its last. */
let holder: i32 = 0;
let held: u64 = 0;
let first: i32 = 0;
let end: i32 = 0;
/** The item behind the last one of its share; items of the phase. */
let endOfShare: i32 = 0;
let total: i32 = 0;

/**
 * `Atomics.wait` of JavaScript, without end. Not `memory.atomic.wait32`: in a loop, the baseline compiler of V8 11.3
 * (Node 20) loses the registers that hold its operands, and the second time the thread sleeps at another address, where
 * nobody wakes it (findings/).
 */
@external("env", "sleep")
declare function sleep(word: usize, value: i32): void;

/** The phase that the next step begins with. The one before is over. */
export function presentPhase(): u32 {
  return atomic.load<u32>(PHASE);
}

/** Takes part in a step from its first phase on. */
export function enterStep(thread: i32, threads: i32, firstPhase: u32): void {
  me = thread;
  all = threads;
  phase = firstPhase;
  looks = 0;
}

/** Whether this thread's phase is not over: else it need not prepare for it. */
export function isOpen(): bool {
  return atomic.load<u32>(PHASE) == phase;
}

/**
 * Finds the next group of this phase to compute. It is then to be {@link claim}ed.
 *
 * @param count items of the phase, the same for all threads, at least 1
 * @param most items of a group, the same for all threads
 * @returns false at the end of the phase: what was brought in is seen by all
 */
export function nextGroup(count: i32, most: i32): bool {
  total = count;
  while (true) {
    let slot = atomic.load<u64>(slotOf(me));
    if (slot == 0) {
      slot = takeShare();
      if (slot != 0) atomic.store<u64>(slotOf(me), slot);
    }
    if (canCompute(slot)) return compute(me, slot, most);
    if (!isOpen()) {
      phase++;
      looks = 0;
      return false;
    }
    if (++looks < LOOKS) continue;
    for (let other = 0; other < all; other++) {
      slot = atomic.load<u64>(slotOf(other));
      if (canCompute(slot)) return compute(other, slot, most);
    }
    if (looks >= 2 * LOOKS) awaitChange(PHASE, <i32>phase);
  }
}

/** First item of the present group. */
@inline
export function firstItem(): i32 {
  return first;
}

/** How many items the present group has. */
@inline
export function itemCount(): i32 {
  return end - first;
}

/** @returns whether what was computed is to be brought in, and {@link done} told; else another thread does that */
export function claim(): bool {
  return atomic.cmpxchg<u64>(slotOf(holder), held, held | CLAIMED) == held;
}

/** The present group was brought in. */
export function done(): void {
  if (end < endOfShare) {
    atomic.store<u64>(slotOf(holder), held + NEXT_GROUP);
    return;
  }
  atomic.store<u64>(slotOf(holder), 0);
  const items = endOfShare - startOfShare(shareOf(held), total, all);
  if (atomic.add<i32>(ITEMS_DONE, items) + items < total) return;
  atomic.store<i32>(ITEMS_DONE, 0);
  atomic.store<u64>(NEXT_SHARE, (<u64>(phase + 1)) << 32);
  change(PHASE);
}

@inline
function slotOf(thread: i32): usize {
  return BELLS + thread * BELL_BYTES + SLOT;
}

@inline
function shareOf(slot: u64): i32 {
  return ((<i32>slot) >>> SHARE_SHIFT) - 1;
}

/** Whether a slot holds a group of this phase that nobody has claimed. */
@inline
function canCompute(slot: u64): bool {
  return slot != 0 && (slot & CLAIMED) == 0 && <u32>(slot >> 32) == phase;
}

/** @returns what the slot of who takes it says; 0 if there is none in this phase */
function takeShare(): u64 {
  let next = atomic.load<u64>(NEXT_SHARE);
  while (<u32>(next >> 32) == phase) {
    const from = startOfShare(<i32>next, total, all);
    if (from == total) return 0;
    // Where there are few items, some shares are empty.
    let share = <i32>next;
    while (startOfShare(share + 1, total, all) == from) share++;
    const slot = (<u64>phase) << 32;
    const found = atomic.cmpxchg<u64>(NEXT_SHARE, next, slot | <u64>(share + 1));
    if (found == next) return slot | (<u64>(share + 1) << SHARE_SHIFT);
    next = found;
  }
  return 0;
}

/** Makes a slot's group the present one. @returns true */
function compute(thread: i32, slot: u64, most: i32): bool {
  holder = thread;
  held = slot;
  const share = shareOf(slot);
  endOfShare = startOfShare(share + 1, total, all);
  first = startOfShare(share, total, all) + most * ((<i32>slot & 0xffff) >> 1);
  end = min(first + most, endOfShare);
  return true;
}

/**
 * Where a share of `count` things begins; it ends where the next one begins, and `count` is behind the last one. Three
 * quarters of what is left go to the threads in equal shares, again and again: the first ones are large, since another
 * core's word costs as much to take as thousands of weights, and the last ones small, so that nobody waits long for the
 * last thread.
 */
@inline
function startOfShare(share: i32, count: i32, threads: i32): i32 {
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
  for (let look = 0; look < LOOKS; look++) {
    const now = atomic.load<i32>(bell);
    if (now != seen) return now;
  }
  awaitChange(bell, seen);
  return atomic.load<i32>(bell);
}

/** Counts a word up, and wakes all who sleep there. */
function change(word: usize): void {
  atomic.add<i32>(word, 1);
  if (atomic.load<i32>(word, SLEEPERS) != 0) atomic.notify(word, MAX_THREADS);
}

/** Sleeps until a word has another value. */
function awaitChange(word: usize, value: i32): void {
  atomic.add<i32>(word, 1, SLEEPERS);
  while (atomic.load<i32>(word) == value) sleep(word, value);
  atomic.sub<i32>(word, 1, SLEEPERS);
}
