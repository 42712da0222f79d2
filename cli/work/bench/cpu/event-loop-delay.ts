/**
 * How late the event loop of this thread comes while something else is at work: what a service or a page notices of it.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How much later than asked for a timer comes, in milliseconds. */
export interface EventLoopDelay {
  /** 99 of 100 come earlier. */
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** A timer of so many milliseconds is watched; Node counts them as a part of the delay. */
const RESOLUTION_MS = 1;

export async function eventLoopDelay(work: () => Promise<unknown>): Promise<EventLoopDelay> {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  try {
    await work();
  } finally {
    histogram.disable();
  }
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  return { p99Ms: late(histogram.percentile(99)), longestMs: late(histogram.max) };
}
