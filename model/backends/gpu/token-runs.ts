/**
 * Runs of sequences on a GPU, side by side: they join and leave between two steps, while the others go on.
 *
 * A run stays on the GPU: embedding, layers, head, sampler, and again. The host submits several steps at a time, and while it looks at the tokens of
 * one submission the next are computed. A run joins in the order of the GPU's queue, behind what is submitted already; when it leaves with tokens
 * that its caller has not seen, its state goes back to the one before them. So nobody waits until the GPU is idle.
 *
 * Steps are computed as they are asked for: when every run under way has been read to its end. A caller that does not come back for its next
 * token while others wait is set aside, back to what it has seen, and joins again when it asks.
 */
import { isEnd } from '../../../protocol/image/end-tokens.js';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import type { SamplerSettings } from '../../../protocol/sampling.js';
import { EventLoop } from '../../machine/event-loop.js';
import { RESULT_WORDS } from './kernels/control.js';
import { RESULT_SLOTS } from './run-kernels.js';
import { IN_FLIGHT, type SequencePool } from './sequence-pool.js';
import type { StatePlace } from './state-copies.js';

/** For so long the others wait for one that does not come back. */
const LAG_MS = 5;

/** Tokens that a run may be given before the one from which it chooses: a submission begins with them, and has one step more. */
export const LEAD_MOST = RESULT_SLOTS - 1;

/** A sequence as the pool knows it. */
export interface Tenant {
  /** Where its state is; changes as sequences move. */
  slot: number;
}

/** What runs ask of those who own pool and slots. */
export interface Premises {
  readonly pool: SequencePool;
  readonly shape: ModelShape;
  /** Moves a tenant into a slot, and whoever is there into its own. */
  move(tenant: Tenant, slot: number): void;
  /** Feeds tokens and wants nothing of them. @throws GpuError */
  feed(tenant: Tenant, tokens: readonly number[]): Promise<void>;
}

export interface ChosenToken {
  readonly id: number;
  readonly receipt: number;
}

interface Waiter {
  resolve(token: ChosenToken | undefined): void;
  reject(error: unknown): void;
}

/** A run, from the first token that it feeds on: a step feeds one token and chooses the next, unless that is given. */
export class TokenRun {
  readonly tenant: Tenant;
  readonly sampler: SamplerSettings;
  readonly maxTokens: number;
  readonly firstDraw: number;
  /** Tokens that are given behind the first: so many steps come before the first that chooses. */
  readonly lead: number;
  /** What is fed: the tokens that are given, then those that were chosen. The last of them was not fed yet. */
  readonly chain: number[];
  /** Tokens that were chosen and not read. */
  queue: ChosenToken[] = [];
  /** Steps up to the token that the caller has. */
  read = 0;
  /** Steps that the GPU has, or had. */
  submitted = 0;
  isEnded = false;
  /** How often it has joined: what was submitted before it was set aside is not its own any more. */
  visit = 0;
  /** Row of the steps, while it is under way. */
  row: number | undefined;
  waiter: Waiter | undefined;
  /** Its way back to what its caller has seen, when it was set aside: nothing may be done with its state before. */
  returning: Promise<void> | undefined;
  error: Error | undefined;

  /** @param given at least one token, and at most {@link LEAD_MOST} before the last */
  constructor(
    tenant: Tenant,
    given: readonly number[],
    maxTokens: number,
    sampler: SamplerSettings,
    firstDraw: number,
  ) {
    this.tenant = tenant;
    this.sampler = sampler;
    this.maxTokens = maxTokens;
    this.firstDraw = firstDraw;
    this.chain = [...given];
    this.lead = given.length - 1;
  }

  /** Steps from its beginning to its end. */
  get steps(): number {
    return this.lead + this.maxTokens;
  }

  /** Whether the caller has not asked for more than there is. */
  get isUnread(): boolean {
    return this.queue.length > 0 || (!this.isEnded && this.waiter === undefined);
  }
}

/** What a run has of a submission. */
interface Share {
  readonly run: TokenRun;
  readonly visit: number;
  readonly firstStep: number;
}

/** Steps that were submitted together. */
interface Submission {
  readonly number: number;
  readonly steps: number;
  readonly firstSlot: number;
  readonly pool: SequencePool;
  /** By row, and which step of each is the first. */
  readonly runs: readonly (Share | undefined)[];
  readonly results: Promise<ArrayBuffer>;
}

export class TokenRuns {
  readonly #premises: Premises;
  /** Runs under way, by row; rows of runs that have left are free. */
  #rows: (TokenRun | undefined)[] = [];
  /** Submissions whose tokens are to come, and the one whose tokens are being read. */
  #pending: Submission[] = [];
  #present: Submission | undefined;
  /** Runs whose tokens are not all read. */
  readonly #unread = new Set<TokenRun>();
  /** Runs that wait for a row, and callers that wait for kernels for one more. */
  #arrivals: TokenRun[] = [];
  #joining = 0;
  #number = 0;
  /** Result slot of the next step. */
  #slot = 0;
  /** Steps of the next submission: few at first, for a prompt answer. */
  #steps = 1;
  #isFirst = true;
  /** Whether rows have come or moved, whose residuals are not there yet. */
  #mustEmbed = false;
  #isPumping = false;
  #mustPump = false;
  #lagTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(premises: Premises) {
    this.#premises = premises;
  }

  /** Whether a run has a row. */
  get isIdle(): boolean {
    return this.#rows.length === 0;
  }

  /** The next token of a run, if it is here: most are, since steps come several at a time. */
  take(run: TokenRun): ChosenToken | undefined {
    const token = run.queue.shift();
    if (token === undefined) return undefined;
    run.read = Math.max(run.read, run.lead) + 1;
    if (!run.isUnread) this.#unread.delete(run);
    return token;
  }

  /** The next token of a run that has none here; undefined at its end. @throws GpuError */
  async next(run: TokenRun): Promise<ChosenToken | undefined> {
    if (run.error !== undefined) throw run.error;
    if (run.isEnded) return undefined;
    if (run.row === undefined) {
      await run.returning;
      await this.#join(run);
    }
    return await new Promise((resolve, reject) => {
      run.waiter = { resolve, reject };
      this.#unread.delete(run);
      // The last of a batch, or the first, who may have to wait for the others.
      if (this.#unread.size === 0 || this.#lagTimer === undefined) this.#pump();
    });
  }

  /** Ends a run, wherever it is: the state becomes that of the tokens that were read. @throws GpuError */
  async leave(run: TokenRun): Promise<void> {
    if (run.error !== undefined) return;
    this.#setAside(run);
    await run.returning;
    run.isEnded = true;
    this.#pump();
  }

  /** Others go on while kernels for one more are compiled. */
  async #join(run: TokenRun): Promise<void> {
    this.#joining++;
    try {
      for (;;) {
        const rows = this.#rows.filter(Boolean).length + this.#arrivals.length + 1;
        const step = this.#premises.pool.step(rows);
        if (!(step instanceof Promise)) break;
        await step;
      }
    } finally {
      this.#joining--;
    }
    this.#arrivals.push(run);
  }

  /**
   * Gives rows to those that have come, behind what was submitted already: the first that are free, and of these everyone his own slot if he can
   * have it, for states are moved at the price of a step each.
   */
  #seat(): void {
    const arrivals = this.#arrivals;
    if (arrivals.length === 0) return;
    this.#arrivals = [];
    if (this.#rows.length === 0) this.#isFirst = true;
    const free = new Set<number>();
    for (let row = 0; free.size < arrivals.length; row++) if (this.#rows[row] === undefined) free.add(row);
    const strangers: TokenRun[] = [];
    for (const run of arrivals) {
      if (free.delete(run.tenant.slot)) this.#sit(run, run.tenant.slot);
      else strangers.push(run);
    }
    const rest = [...free];
    for (const [k, run] of strangers.entries()) this.#sit(run, rest[k]);
    this.#steps = 1;
    this.#mustEmbed = true;
  }

  #sit(run: TokenRun, row: number): void {
    this.#premises.move(run.tenant, row);
    this.#steer(run, row, run.read, this.#slot);
    run.row = row;
    run.visit++;
    run.submitted = run.read;
    this.#rows[row] = run;
  }

  /** Writes what steers a run from a step on, which feeds a token that is known here. */
  #steer({ sampler, chain, lead, firstDraw, steps }: TokenRun, row: number, step: number, slot: number): void {
    this.#premises.pool.control(row, {
      token: chain[step],
      index: firstDraw + Math.max(0, step - lead),
      remaining: steps - Math.max(step, lead),
      done: 0,
      topK: sampler.topK,
      invTemperature: sampler.invTemperature,
      topP: sampler.topP,
      seedLow: sampler.seedLow,
      seedHigh: sampler.seedHigh,
      slot,
    });
  }

  /** Takes a run out of its row, back to the state behind the tokens that were read. */
  #setAside(run: TokenRun): void {
    const { pool } = this.#premises;
    if (run.row !== undefined) {
      pool.stop(run.row);
      this.#free(run.row);
      run.row = undefined;
    }
    this.#unread.delete(run);
    run.queue = [];
    const computed = run.isEnded ? run.chain.length - 1 : run.submitted;
    const origin = computed > run.read ? this.#originOf(run) : undefined;
    // Whatever is not read was not chosen.
    const { read } = run;
    run.chain.length = Math.max(read, run.lead) + 1;
    run.submitted = read;
    run.isEnded = false;
    if (origin === undefined) return;
    pool.copy(origin.place, pool.place(run.tenant.slot));
    run.returning = this.#premises.feed(run.tenant, run.chain.slice(origin.firstStep, read));
    // Whoever awaits it gets the error.
    run.returning.catch(() => {});
  }

  /** The state before the first submission with tokens that were not read, and which step it is before. */
  #originOf(run: TokenRun): { readonly place: StatePlace; readonly firstStep: number } {
    for (const { number, pool, runs, steps } of this.#present ? [this.#present, ...this.#pending] : this.#pending) {
      const row = runs.findIndex((entry) => entry?.run === run && entry.visit === run.visit);
      const firstStep = runs[row]?.firstStep ?? 0;
      if (row >= 0 && firstStep + steps > run.read) return { place: pool.placeBefore(number, row), firstStep };
    }
    throw new Error('tokens that were not read are of a submission that is kept');
  }

  #free(row: number): void {
    this.#rows[row] = undefined;
    while (this.#rows.length > 0 && this.#rows.at(-1) === undefined) this.#rows.pop();
  }

  /** Fails everything that is under way. */
  #fail(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    const runs = new Set([...this.#rows, ...this.#arrivals, ...this.#unread]);
    this.#rows = [];
    this.#arrivals = [];
    this.#pending = [];
    this.#present = undefined;
    this.#unread.clear();
    for (const run of runs) {
      if (run === undefined) continue;
      run.error = error;
      run.row = undefined;
      run.queue = [];
      run.waiter?.reject(error);
    }
  }

  /** Looks what can be done: called whenever something has changed. */
  #pump(): void {
    this.#mustPump = true;
    if (this.#isPumping) return;
    this.#isPumping = true;
    void (async () => {
      try {
        // Who asks in the same turn of the event loop begins in the same step.
        if (this.#arrivals.length > 0 && this.#pending.length === 0) await turnOfEventLoop();
        while (this.#mustPump) {
          this.#mustPump = false;
          await this.#work();
        }
      } catch (error) {
        this.#fail(error);
      } finally {
        this.#isPumping = false;
      }
    })();
  }

  /** Computes what is asked for. */
  async #work(): Promise<void> {
    while (this.#rows.length + this.#arrivals.length > 0) {
      if (this.#isHeldUp()) return;
      this.#seat();
      this.#compact();
      const step = this.#premises.pool.step(this.#rows.length);
      if (step instanceof Promise) {
        await step;
        continue;
      }
      this.#present = undefined;
      this.#fill(step);
      const submission = this.#pending.shift();
      if (submission === undefined) throw new Error('a run that is under way has steps to come');
      this.#present = submission;
      const results = new Uint32Array(await submission.results);
      this.#isFirst = false;
      this.#deliver(submission, results);
    }
  }

  /** Whether somebody has not read what is there; who does not come back while others wait is set aside. */
  #isHeldUp(): boolean {
    if (this.#unread.size === 0) {
      clearTimeout(this.#lagTimer);
      this.#lagTimer = undefined;
      return false;
    }
    const isAnyoneWaiting =
      this.#joining + this.#arrivals.length > 0 || this.#rows.some((run) => run?.waiter !== undefined);
    if (isAnyoneWaiting && this.#lagTimer === undefined) {
      const slow = [...this.#unread];
      this.#lagTimer = setTimeout(() => {
        this.#lagTimer = undefined;
        // Nothing has come for them since, or the timer would be another one.
        for (const run of slow) if (this.#unread.has(run)) this.#setAside(run);
        this.#pump();
      }, LAG_MS);
    }
    return true;
  }

  /** Fewer rows, when half of them are free. */
  #compact(): void {
    const live = this.#rows.filter((run) => run !== undefined);
    if (2 * live.length > this.#rows.length || live.length === this.#rows.length) return;
    for (const [row, run] of live.entries()) {
      if (run.row !== row) this.#premises.move(run.tenant, row);
      run.row = row;
    }
    this.#rows = live;
    this.#mustEmbed = true;
  }

  /** Gives the GPU enough to do. */
  #fill(step: Parameters<SequencePool['submit']>[1]): void {
    const { pool } = this.#premises;
    // One less before there is a first answer, which it would delay.
    const atMost = this.#isFirst ? IN_FLIGHT - 1 : IN_FLIGHT;
    while (this.#pending.length < atMost) {
      const runs = this.#rows.map((run) => run && { run, visit: run.visit, firstStep: run.submitted });
      const most = (count: (share: Share) => number): number =>
        Math.max(0, ...runs.map((share) => (share === undefined ? 0 : count(share))));
      const lead = most(({ run, firstStep }) => run.lead - firstStep);
      const toCome = most(({ run, firstStep }) => run.steps - firstStep);
      const steps = Math.min(lead + this.#steps, RESULT_SLOTS, toCome);
      if (steps === 0) return;
      if (this.#mustEmbed) pool.embed(runs.length);
      this.#mustEmbed = false;
      for (const run of this.#rows) if (run) run.submitted = Math.min(run.steps, run.submitted + steps);
      const number = this.#number++;
      const firstSlot = this.#slot;
      const results = pool.submit(number, step, runs.length, steps, lead, (done) => {
        for (const [row, share] of runs.entries()) {
          const next = (share?.firstStep ?? 0) + done;
          if (share && next <= share.run.lead) this.#steer(share.run, row, next, (firstSlot + done) % RESULT_SLOTS);
        }
      });
      this.#pending.push({ number, steps, firstSlot, pool, runs, results });
      this.#slot = (this.#slot + steps) % RESULT_SLOTS;
      this.#steps = Math.min(2 * this.#steps, RESULT_SLOTS);
    }
  }

  /** Gives every run its tokens of a submission. */
  #deliver({ steps, firstSlot, runs }: Submission, results: Uint32Array): void {
    const { shape } = this.#premises;
    for (const [row, entry] of runs.entries()) {
      // Not what comes of a run that has left, or has left and joined again.
      if (entry?.run.row === undefined || entry.visit !== entry.run.visit) continue;
      const { run } = entry;
      for (let step = 0; step < steps && !run.isEnded; step++) {
        const at = (row * RESULT_SLOTS + ((firstSlot + step) % RESULT_SLOTS)) * RESULT_WORDS;
        if (results[at + 2] === 0) break;
        if (entry.firstStep + step < run.lead) continue;
        const id = results[at];
        run.chain.push(id);
        run.queue.push({ id, receipt: results[at + 1] });
        run.isEnded = isEnd(shape, id) || run.chain.length - 1 === run.steps;
      }
      if (run.isEnded) {
        this.#free(entry.run.row ?? row);
        run.row = undefined;
      }
      const { waiter } = run;
      const first = waiter && run.queue.shift();
      if (first !== undefined) {
        run.waiter = undefined;
        run.read = Math.max(run.read, run.lead) + 1;
        waiter?.resolve(first);
      }
      if (run.isUnread) this.#unread.add(run);
    }
  }
}

async function turnOfEventLoop(): Promise<void> {
  const loop = new EventLoop();
  await loop.turn();
  loop.close();
}
