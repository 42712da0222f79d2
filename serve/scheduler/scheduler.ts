/**
 * Which text is computed where and when, for one model: jobs wait in a bounded queue, get a place on a machine, are
 * taken from it for more urgent ones (their state is kept), and go on at another machine if theirs is lost. None of
 * that changes a text.
 */
import {
  ApiError,
  keyBusy,
  machineFailed,
  noLogits,
  noMachine,
  noStates,
  noVerifier,
  queueFull,
  shuttingDown,
} from '../api-error.js';
import { StateError } from '../../protocol/state/state-error.js';
import { Audits, type AuditEvents } from './audits.js';
import { compute, keepState } from './compute.js';
import { Job, type Receiver, type Work } from './job.js';
import { Place, type Run } from './place.js';
import { Prefixes } from './prefixes.js';
import { Scores } from './score.js';
import { Waiting } from './waiting.js';
import { Watchdog } from './watchdog.js';

/** Bounds; they may change while jobs wait. */
export interface SchedulerLimits {
  /** Jobs that wait at most, beside those that are computed. */
  readonly queue: number;
  /** Jobs of one owner at most, waiting ones included. */
  readonly perOwner: number;
  /** A machine that computes nothing for so long is lost. */
  readonly tokenMs: number;
  /** For states of beginnings of texts, of each model. */
  readonly prefixBytes: number;
  /** Of answers, 0 … 1: so many are computed again on another machine. */
  readonly auditShare: number;
}

/** What others want to know. */
export interface SchedulerEvents extends AuditEvents {
  onStart?(job: Job, waitedMs: number, model: string): void;
  onPreempted?(job: Job): void;
  /** A machine is out of service; whoever put it there closes it. */
  onLost?(place: Place, error: unknown): void;
  /** The same, for good: it computes something wrong. */
  onDistrusted?(place: Place, error: Error): void;
}

/** Machines that may be lost under one job. */
const MOST_LOSSES = 3;

/** How long jobs have to come to their end at a machine that leaves, and to let go of it then. */
const LEAVE_MS = 30_000;
const STOP_MS = 2_000;

/** Clients throw longer times away. */
const MAX_RETRY_SECONDS = 60;

export class Scheduler {
  readonly #model: () => string;
  readonly #limits: () => SchedulerLimits;
  readonly #events: SchedulerEvents;
  readonly #places = new Set<Place>();
  readonly #waiting = new Waiting();
  /** What is known of beginnings of texts. */
  readonly prefixes: Prefixes;
  readonly #audits: Audits;
  /** Machines that computed something wrong, by name. */
  readonly #distrusted = new Set<string>();
  #arrivals = 0;
  #isClosing = false;
  /** No machine will come any more. */
  #isDismissed = false;
  /** How long jobs took lately, for those who are told to come again. */
  #usualMs = 1000;

  constructor(model: () => string, limits: () => SchedulerLimits, events: SchedulerEvents = {}) {
    this.#model = model;
    this.#limits = limits;
    this.#events = events;
    this.prefixes = new Prefixes(() => limits().prefixBytes);
    this.#audits = new Audits(this, model, () => limits().auditShare, events);
  }

  /** Names of machines that are out of service because they compute something wrong. */
  get distrusted(): ReadonlySet<string> {
    return this.#distrusted;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get places(): readonly Place[] {
    return [...this.#places];
  }

  /** Whether there is a machine with logits. */
  get canScore(): boolean {
    return this.places.some(({ machine }) => machine.facts.can.logits);
  }

  /** Whether there is a machine that saves states. */
  get canSave(): boolean {
    return this.places.some(({ machine }) => machine.facts.can.state);
  }

  /** Whether a job waits although a place is free: that never lasts. */
  get isStuck(): boolean {
    const free = this.places.filter(({ isFree }) => isFree);
    return free.length > 0 && this.#waiting.inOrder(() => 0).some((job) => free.some((place) => place.suits(job)));
  }

  add(place: Place): void {
    this.#places.add(place);
    this.#dispatch();
  }

  /** Takes a machine out of service; its jobs go on elsewhere. */
  remove(place: Place): void {
    this.#places.delete(place);
    for (const { stop } of place.runs) stop.abort();
  }

  /** As {@link remove}, once its jobs have come to their end, or have had time for it. */
  async retire(place: Place): Promise<void> {
    place.isLeaving = true;
    for (const stopMs = performance.now() + LEAVE_MS; place.runs.size > 0 && performance.now() < stopMs;) await look();
    this.remove(place);
    for (const stopMs = performance.now() + STOP_MS; place.runs.size > 0 && performance.now() < stopMs;) await look();
  }

  /**
   * Takes jobs, all or none.
   *
   * @throws ApiError `queue_full`, `key_busy`, `no_machine`, `no_logits`, `no_states`, `no_verifier`, `shutting_down`
   */
  submit(works: readonly Work[]): Job[] {
    if (this.#isClosing) throw shuttingDown();
    if (this.#places.size === 0) throw noMachine(this.#model());
    if (works.some(({ top }) => top !== undefined) && !this.canScore) throw noLogits(this.#model());
    if (works.some(({ keepsState }) => keepsState) && !this.canSave) throw noStates(this.#model());
    const kinds = new Set(this.places.map(({ machine }) => machine.facts.kind));
    if (works.some(({ on }) => on?.every((kind) => !kinds.has(kind)) === true)) throw noVerifier(this.#model());
    const { queue, perOwner } = this.#limits();
    const free = this.places.reduce((sum, { seats, runs }) => sum + seats - runs.size, 0);
    if (this.waiting + works.length > queue + free) throw queueFull(this.waiting, this.#retrySeconds());
    const [{ owner } = { owner: '' }] = works;
    if (this.#waiting.of(owner) + this.#running(owner) + works.length > perOwner) {
      throw keyBusy(`${perOwner} texts`, this.#retrySeconds());
    }
    const jobs = works.map((work) => new Job(work, this.#arrivals++));
    for (const job of jobs) this.#wait(job);
    this.#dispatch();
    return jobs;
  }

  /** No new jobs: those that wait are told to ask again, those that are computed come to their end. */
  dismiss(): void {
    this.#isClosing = this.#isDismissed = true;
    for (const job of this.#waiting.inOrder(() => 0)) this.#leave(job, noMachine(this.#model()));
  }

  /** Ends everything: jobs that are under way fail with an error after which clients ask again. */
  close(): void {
    this.#isClosing = true;
    for (const job of this.#waiting.inOrder(() => 0)) this.#leave(job, shuttingDown());
    for (const { runs } of this.#places) {
      for (const { job, stop } of runs) {
        job.fail(shuttingDown());
        stop.abort();
      }
    }
  }

  /** No new jobs; resolves when the last one is done. */
  async drained(): Promise<void> {
    this.#isClosing = true;
    this.#audits.close();
    while (this.waiting > 0 || this.places.some(({ runs }) => runs.size > 0)) await look();
  }

  #wait(job: Job): void {
    const { signal } = job.work;
    if (signal.aborted) return job.end();
    this.#waiting.add(job);
    signal.addEventListener('abort', () => this.#leave(job), { once: true });
  }

  /** If it waits. */
  #leave(job: Job, error?: ApiError): void {
    if (!this.#waiting.leave(job)) return;
    if (error === undefined) job.end();
    else job.fail(error);
  }

  #running(owner: string): number {
    return this.places.reduce((sum, { runs }) => {
      return sum + [...runs].filter(({ job }) => job.work.owner === owner).length;
    }, 0);
  }

  #dispatch(): void {
    // After each start the order may be another one.
    while (this.#startOne());
    this.#makeRoom();
  }

  #startOne(): boolean {
    for (const job of this.#waiting.inOrder((owner) => this.#running(owner))) {
      const free = this.places.filter((place) => place.isFree && place.suits(job));
      const [best] = free.toSorted((a, b) => a.load - b.load);
      if (best === undefined) continue;
      this.#waiting.start(job);
      void this.#run(job, best);
      return true;
    }
    return false;
  }

  /** Takes places from less urgent jobs, for those that still wait. */
  #makeRoom(): void {
    let coming = this.places.reduce((sum, { leaving }) => sum + leaving, 0);
    for (const job of this.#waiting.inOrder((owner) => this.#running(owner))) {
      if (coming-- > 0) continue;
      const victims = this.places.flatMap(
        (place) => (place.suits(job) ? place.victimOf(job.work.priority) : undefined) ?? [],
      );
      const [victim] = victims.toSorted((a, b) => a.job.work.priority - b.job.work.priority);
      if (victim === undefined) return;
      victim.stop.abort();
    }
  }

  async #run(job: Job, place: Place): Promise<void> {
    const run: Run = { job, stop: new AbortController() };
    place.runs.add(run);
    const { machine } = place;
    job.machine = machine.facts.name;
    const startMs = performance.now();
    if (job.startedMs === undefined) {
      job.startedMs = startMs;
      if (job.work.auditOf === undefined) this.#events.onStart?.(job, startMs - job.arrivedMs, this.#model());
    }
    try {
      await this.#compute(run, place);
      if (job.work.signal.aborted || !run.stop.signal.aborted || job.final !== undefined) job.end();
      else if (!job.isDone && this.#isDismissed) job.fail(noMachine(this.#model()));
      else if (!job.isDone) this.#waiting.add(job);
      if (job.isWhole || !(job.work.signal.aborted || run.stop.signal.aborted)) this.#audits.consider(job);
      if (job.isDone) this.#usualMs += (performance.now() - job.startedMs - this.#usualMs) / 8;
    } catch (error) {
      this.#lost(job, place, error);
    } finally {
      place.runs.delete(run);
      this.#dispatch();
      this.#audits.look();
    }
  }

  /** @throws what the machine throws */
  async #compute({ job, stop }: Run, place: Place): Promise<void> {
    const { machine } = place;
    const signal = AbortSignal.any([stop.signal, job.work.signal]);
    let isHeard = true;
    job.promptScores = new Scores(job.work.top ?? 0);
    const receiver: Receiver = {
      token: (token, logits) => !isHeard || job.give(token, logits),
      promptToken: (id, logits) => {
        if (isHeard) job.promptScores.add(logits, id);
      },
    };
    const sequence = await machine.open();
    const watchdog = new Watchdog(machine.facts.name, this.#limits().tokenMs, () => sequence.position);
    try {
      const work = async (): Promise<void> => {
        await compute(job, machine, sequence, receiver, this.prefixes, signal);
        const { keepsState, maxTokens } = job.work;
        if (keepsState === true && (job.isWhole || (maxTokens === 0 && !signal.aborted))) {
          job.final = await sequence.save();
        }
        if (!stop.signal.aborted || job.work.signal.aborted || job.isDone || job.final !== undefined) return;
        if (place.isDistrusted) return job.restart();
        if (machine.facts.can.state && job.isMovable) await keepState(job, sequence);
        this.#events.onPreempted?.(job);
      };
      await Promise.race([work(), watchdog.expired]);
      await sequence.close();
    } catch (error) {
      if (isOfTheJob(error)) await sequence.close();
      throw error;
    } finally {
      isHeard = false;
      watchdog.stop();
    }
  }

  /** A machine that is lost is out of service, its job goes on elsewhere. */
  #lost(job: Job, place: Place, error: unknown): void {
    // One of two machines computes something wrong, and may have made any of the states.
    if (error instanceof ApiError && error.code === 'machine_differs') this.prefixes.clear();
    if (isOfTheJob(error)) return job.fail(error);
    if (this.#places.delete(place)) {
      for (const { stop } of place.runs) stop.abort();
      this.#events.onLost?.(place, error);
    }
    if (job.work.signal.aborted || job.isDone) return job.end();
    job.losses++;
    if (job.losses > MOST_LOSSES || this.#isClosing) return job.fail(machineFailed(error));
    this.#waiting.add(job);
    setTimeout(() => this.#failStranded(), this.#limits().tokenMs).unref();
  }

  /** A machine that computes something wrong is out of service for good, and nothing that it made is used any more. */
  distrust(place: Place, error: Error): void {
    if (!this.#places.delete(place)) return;
    const { name } = place.machine.facts;
    place.isDistrusted = true;
    this.#distrusted.add(name);
    this.prefixes.clear();
    for (const job of this.#waiting.inOrder(() => 0)) if (job.stateFrom === name) job.restart();
    for (const { stop } of place.runs) stop.abort();
    this.#events.onDistrusted?.(place, error);
  }

  /** Nobody waits for a machine that does not come back. */
  #failStranded(): void {
    for (const job of this.#waiting.inOrder(() => 0)) {
      if (!this.places.some((place) => place.suits(job))) this.#leave(job, noMachine(this.#model()));
    }
  }

  /** When about a place is free, for those who come in vain. */
  #retrySeconds(): number {
    const seats = this.places.reduce((sum, place) => sum + place.seats, 0);
    const seconds = (this.#usualMs * (this.waiting + 1)) / 1000 / Math.max(1, seats);
    return Math.min(MAX_RETRY_SECONDS, Math.max(1, Math.ceil(seconds)));
  }
}

/**
 * Whether it says nothing of the machine: what a machine refuses (a token that is none, an impossible state), and
 * mistakes of this program. The next machine would be taken out of service for it too.
 */
function isOfTheJob(error: unknown): error is Error {
  return OF_THE_JOB.some((kind) => error instanceof kind);
}

const OF_THE_JOB = [ApiError, StateError, RangeError, TypeError, ReferenceError, SyntaxError];

/** Until the next look at what is under way. */
async function look(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
