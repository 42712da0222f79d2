/**
 * How the threads of a step wait for each other and share out the work.
 *
 * A waiting thread looks a thousand times and then sleeps. On free cores that is nearly always enough (a barrier takes 0.1 µs); where two threads
 * have one core, a longer look only takes the time of the one that is waited for.
 */
import {
  BARRIER_ARRIVED,
  BARRIER_SLEEPERS,
  BARRIER_TURN,
  BELL_BYTES,
  BELLS,
  MAX_THREADS,
  NEXT_SHARE,
} from '../layout';

const LOOKS = 1000;
/** Of a bell: whether its thread sleeps. */
const SLEEPS = 4;

/** Returns when all threads are here. What each wrote before is seen by all afterwards, and shares are counted from 0 again. */
export function barrier(threads: i32): void {
  if (threads == 1) {
    store<i32>(NEXT_SHARE, 0);
    return;
  }
  const turn = atomic.load<i32>(BARRIER_TURN);
  if (atomic.add<i32>(BARRIER_ARRIVED, 1) == threads - 1) {
    atomic.store<i32>(BARRIER_ARRIVED, 0);
    atomic.store<i32>(NEXT_SHARE, 0);
    atomic.store<i32>(BARRIER_TURN, turn + 1);
    // A sleeper counts itself before it looks at the turn for the last time.
    if (atomic.load<i32>(BARRIER_SLEEPERS) != 0) atomic.notify(BARRIER_TURN, MAX_THREADS);
    return;
  }
  for (let look = 0; look < LOOKS; look++) {
    if (atomic.load<i32>(BARRIER_TURN) != turn) return;
  }
  atomic.add<i32>(BARRIER_SLEEPERS, 1);
  while (atomic.load<i32>(BARRIER_TURN) == turn) atomic.wait<i32>(BARRIER_TURN, turn, -1);
  atomic.add<i32>(BARRIER_SLEEPERS, -1);
}

/** The next share of this phase, counted from 0: a thread on a slow core takes fewer of them. */
@inline
export function nextShare(): i32 {
  return atomic.add<i32>(NEXT_SHARE, 1);
}

/** Wakes a thread for a step, or to leave. */
export function ring(thread: i32): void {
  const bell: usize = BELLS + thread * BELL_BYTES;
  atomic.add<i32>(bell, 1);
  if (atomic.load<i32>(bell, SLEEPS) != 0) atomic.notify(bell, 1);
}

/** Waits until the bell has rung since it stood at `seen`. @returns what it stands at */
export function awaitBell(thread: i32, seen: i32): i32 {
  const bell: usize = BELLS + thread * BELL_BYTES;
  for (let look = 0; look < LOOKS; look++) {
    const now = atomic.load<i32>(bell);
    if (now != seen) return now;
  }
  atomic.store<i32>(bell, 1, SLEEPS);
  while (atomic.load<i32>(bell) == seen) atomic.wait<i32>(bell, seen, -1);
  atomic.store<i32>(bell, 0, SLEEPS);
  return atomic.load<i32>(bell);
}
