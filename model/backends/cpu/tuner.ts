/**
 * Which kernels and how many threads: measured on the work itself, step by step, so that nobody waits for a
 * measurement.
 *
 * At first every family and every number of threads gets a few steps; from then on the number of threads is looked at
 * again every few seconds, because another program may have come or gone. Steps are compared with steps of as many
 * rows, which cost the same each time.
 */
import type { CpuSetting } from './cpu-messages.js';
import type { KernelFamily } from './kernels.js';

/** Steps of a trial: enough of them, for long enough; the first ones warm caches and threads up. */
const WARM_STEPS = 3;
const TRIAL_STEPS = 6;
const TRIAL_MS = 12;
/** After so many steps of other sizes the trials begin again, with steps of the new size. */
const OTHER_STEPS = 12;
/** After so long everything is tried again; or later, so that trials cost no more than this part of the time. */
const RETRY_MS = 2500;
const TRIAL_SHARE = 1 / 25;
/** Another setting must be better by this much. */
const GAIN = 0.97;
/** A step that is shorter is no work for more threads: they would wait for each other longer than they compute. */
const SHARED_MS = 0.5;

interface Trial {
  readonly setting: CpuSetting;
  readonly times: number[];
}

/** The median step of a trial, and how many there were. */
interface Result {
  readonly setting: CpuSetting;
  readonly ms: number;
  readonly steps: number;
}

export class Tuner {
  readonly #counts: readonly number[];
  /** Chosen, and what is in use: that of a trial, or the same. */
  #best: CpuSetting;
  #trial: Trial | undefined;
  #waiting: CpuSetting[] = [];
  /**
   * Rows of the steps that are compared, once there was one; all settings that are to be compared; and steps of other
   * sizes that came instead.
   */
  #rows: number | undefined;
  #compared: readonly CpuSetting[] = [];
  #others = 0;
  #results: Result[] = [];
  #sinceMs = 0;
  #retryMs = RETRY_MS;
  #hasChosen: boolean;

  /** @param known what was measured before */
  constructor(families: readonly KernelFamily[], threads: number, known?: CpuSetting) {
    this.#counts = countsUpTo(threads);
    this.#best = known ?? { family: families[0], threads: 1 };
    this.#hasChosen = known !== undefined;
    if (known === undefined) {
      const withOne = families.map((family) => ({ family, threads: 1 }));
      this.#compare([...withOne, ...this.#counts.slice(1).map((count) => ({ family: families[0], threads: count }))]);
    }
  }

  /** What the next step shall use. */
  get setting(): CpuSetting {
    return this.#trial?.setting ?? this.#best;
  }

  /** What was measured to be the best, once it is known. */
  get chosen(): CpuSetting | undefined {
    return this.#hasChosen ? this.#best : undefined;
  }

  /** A step of so many rows took so long. */
  note(ms: number, rows: number): void {
    if (this.#trial === undefined) {
      this.#sinceMs += ms;
      if (this.#sinceMs < this.#retryMs || this.#counts.length === 1) return;
      this.#compare(this.#counts.map((threads) => ({ ...this.#best, threads })));
      return;
    }
    this.#rows ??= rows;
    if (rows !== this.#rows) {
      if (++this.#others >= OTHER_STEPS) this.#compare(this.#compared);
      return;
    }
    this.#others = 0;
    const { times, setting } = this.#trial;
    times.push(ms);
    const counted = times.slice(WARM_STEPS);
    if (counted.length < TRIAL_STEPS || counted.reduce((sum, time) => sum + time, 0) < TRIAL_MS) return;
    this.#results.push({ setting, ms: medianOf(counted), steps: times.length });
    this.#begin();
  }

  #compare(settings: readonly CpuSetting[]): void {
    this.#compared = settings;
    this.#waiting = [...settings];
    this.#results = [];
    this.#rows = undefined;
    this.#others = 0;
    this.#begin();
  }

  #begin(): void {
    if (this.#results.some(({ ms }) => ms < SHARED_MS)) {
      this.#waiting = this.#waiting.filter(({ threads }) => threads === 1);
    }
    const setting = this.#waiting.shift();
    this.#trial = setting && { setting, times: [] };
    if (setting === undefined) this.#choose();
  }

  /** The best number of threads, with the best family: neither changes what the other is good for. */
  #choose(): void {
    const fastest = (results: readonly Result[]): CpuSetting | undefined =>
      results.toSorted((a, b) => a.ms - b.ms)[0]?.setting;
    const present = this.#results.find(({ setting }) => setting.threads === this.#best.threads);
    const better = this.#results.filter(({ ms }) => present === undefined || ms < present.ms * GAIN);
    const family = fastest(this.#results.filter(({ setting }) => setting.threads === 1))?.family ?? this.#best.family;
    this.#best = { family, threads: fastest(better)?.threads ?? this.#best.threads };
    this.#hasChosen = true;
    const leastMs = Math.min(...this.#results.map(({ ms }) => ms));
    const lostMs = this.#results.reduce((sum, { ms, steps }) => sum + steps * (ms - leastMs), 0);
    this.#retryMs = Math.max(RETRY_MS, lostMs / TRIAL_SHARE);
    this.#results = [];
    this.#sinceMs = 0;
  }
}

/** 1, 2, 3, 4, 6, 8, 12, 16, and the last. */
function countsUpTo(threads: number): number[] {
  const counts = [1, 2, 3, 4, 6, 8, 12, 16].filter((count) => count < threads);
  return [...counts, threads];
}

function medianOf(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1];
}
