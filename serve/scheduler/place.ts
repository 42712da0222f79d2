/** A machine in service: what runs on it, and whether one more can. */
import type { Machine } from '../../model/machine/machine.js';
import type { Job } from './job.js';

/** A job on a machine. */
export interface Run {
  readonly job: Job;
  /** Takes it from the machine. */
  readonly stop: AbortController;
}

/** Bounds; they may change while jobs are computed. */
export interface PlaceLimits {
  /** Jobs that one machine takes at once at most. */
  readonly seats: number;
}

export class Place {
  readonly machine: Machine;
  readonly #limits: () => PlaceLimits;
  readonly runs = new Set<Run>();
  /** Whether it takes no more. */
  isLeaving = false;
  /** Whether it computes something wrong: no state of it is used. */
  isDistrusted = false;

  constructor(machine: Machine, limits: () => PlaceLimits) {
    this.machine = machine;
    this.#limits = limits;
  }

  /** Jobs that it takes at once: fewer than the bound where the machine does. */
  get seats(): number {
    return Math.min(this.#limits().seats, this.machine.facts.sequences);
  }

  get isFree(): boolean {
    return !this.isLeaving && this.runs.size < this.seats;
  }

  /** How full it is, 0 … 1. */
  get load(): number {
    return this.runs.size / this.seats;
  }

  /** Whether it can compute a job at all. */
  suits({ work, state }: Pick<Job, 'work' | 'state'>): boolean {
    const { can, kind, name } = this.machine.facts;
    if (work.on?.includes(kind) === false || work.auditOf?.has(name) === true) return false;
    return (work.top === undefined || can.logits) && ((state === undefined && work.keepsState !== true) || can.state);
  }

  /**
   * The run that a job of this priority may take the place of: that of the lowest priority, and of those the youngest.
   */
  victimOf(priority: number): Run | undefined {
    if (!this.machine.facts.can.state) return undefined;
    const lower = [...this.runs].filter(({ job, stop }) => {
      return job.work.priority < priority && job.isMovable && !stop.signal.aborted;
    });
    return lower.toSorted((a, b) => a.job.work.priority - b.job.work.priority || b.job.number - a.job.number)[0];
  }

  /** Runs that are about to leave. */
  get leaving(): number {
    return [...this.runs].filter(({ stop }) => stop.signal.aborted).length;
  }
}
