/**
 * Runs of sequences on a GPU, side by side: they join and leave between two steps, while the others go on.
 *
 * A run stays on the GPU: embedding, layers, head, sampler, and again. The host submits several steps at a time, and
 * while it looks at the tokens of one submission the next are computed. A run joins in the order of the GPU's queue,
 * behind what is submitted already; when it leaves with tokens that its caller has not seen, its state goes back to the
 * one before them. So nobody waits until the GPU is idle.
 *
 * Steps are computed as they are asked for: the GPU has a few before it, and gets more when every run under way has
 * been read to its end. A caller that does not come back for its next token while others wait is set aside, back to
 * what it has seen, and joins again when it asks.
 */
import { isEnd } from '../../../protocol/image/end-tokens.js';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { EventLoop } from '../../machine/event-loop.js';
import { RESULT_WORDS, type ControlValues } from './kernels/control.js';
import { RESULT_SLOTS } from './run-kernels.js';
import { RunRows } from './run-rows.js';
import { IN_FLIGHT, type SequencePool } from './sequence-pool.js';
import type { StatePlace } from './state-copies.js';
import { steering, type ChosenToken, type Tenant, type TokenRun } from './token-run.js';

/** For so long the others wait for one that does not come back. */
const LAG_MS = 5;

/** What runs ask of those who own pool and slots. */
export interface Premises {
  readonly pool: SequencePool;
  readonly shape: ModelShape;
  /** Moves a tenant into a slot, and whoever is there into its own. */
  move(tenant: Tenant, slot: number): void;
  /** Feeds tokens and wants nothing of them. @throws GpuError */
  feed(tenant: Tenant, tokens: readonly number[]): Promise<void>;
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
  /** Runs under way. */
  readonly #rows = new RunRows();
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
  #isPumping = false;
  #mustPump = false;
  #lagTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(premises: Premises) {
    this.#premises = premises;
  }

  /** Whether a run has a row. */
  get isIdle(): boolean {
    return this.#rows.count === 0;
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
        const rows = this.#rows.live.length + this.#arrivals.length + 1;
        const step = this.#premises.pool.step(rows);
        if (!(step instanceof Promise)) break;
        await step;
      }
    } finally {
      this.#joining--;
    }
    this.#arrivals.push(run);
  }

  /** Gives rows to those that have come, behind what was submitted already. */
  #seat(): void {
    const arrivals = this.#arrivals;
    if (arrivals.length === 0) return;
    this.#arrivals = [];
    if (this.#rows.count === 0) this.#isFirst = true;
    const { pool } = this.#premises;
    const seats = this.#rows.seatsFor(arrivals);
    for (const [run, row] of seats) {
      this.#premises.move(run.tenant, row);
      this.#rows.sit(run, row);
      run.visit++;
      run.submitted = run.read;
    }
    pool.control(new Map(seats.map(([run, row]) => [row, steering(run, run.read, this.#slot)])));
    this.#steps = 1;
  }

  /** Takes a run out of its row, back to the state behind the tokens that were read. */
  #setAside(run: TokenRun): void {
    const { pool } = this.#premises;
    if (run.row !== undefined) {
      pool.stop(run.row);
      this.#rows.free(run);
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

  /** Fails everything that is under way. */
  #fail(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    const runs = new Set([...this.#rows.live, ...this.#arrivals, ...this.#unread]);
    this.#rows.clear();
    this.#arrivals = [];
    this.#pending = [];
    this.#present = undefined;
    this.#unread.clear();
    for (const run of runs) {
      run.error = error;
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
    while (this.#rows.count + this.#arrivals.length > 0) {
      if (this.#isHeldUp()) return;
      const kernels = this.#fill();
      if (kernels !== undefined) {
        await kernels;
        continue;
      }
      const submission = this.#pending.shift();
      if (submission === undefined) throw new Error('a run that is under way has steps to come');
      this.#present = submission;
      const results = new Uint32Array(await submission.results);
      this.#isFirst = false;
      this.#deliver(submission, results);
      // Before those who waited have their turn: the GPU computes while they look at their tokens. Kernels that are not
      // there yet are awaited above.
      void this.#fill();
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
      this.#joining + this.#arrivals.length > 0 || this.#rows.live.some(({ waiter }) => waiter !== undefined);
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

  /** Gives the GPU enough to do. @returns kernels that must be there before, if they are not */
  #fill(): Promise<unknown> | undefined {
    this.#seat();
    this.#rows.compact((run, row) => this.#premises.move(run.tenant, row));
    if (this.isIdle) return undefined;
    const { pool } = this.#premises;
    const step = pool.step(this.#rows.count);
    if (step instanceof Promise) return step;
    // One less before there is a first answer, which it would delay.
    const atMost = this.#isFirst ? IN_FLIGHT - 1 : IN_FLIGHT;
    while (this.#pending.length < atMost) {
      const runs = this.#rows.runs.map((run) => run && { run, visit: run.visit, firstStep: run.submitted });
      const most = (count: (share: Share) => number): number =>
        Math.max(0, ...runs.map((share) => (share === undefined ? 0 : count(share))));
      const lead = most(({ run, firstStep }) => run.lead - firstStep);
      const toCome = most(({ run, firstStep }) => run.steps - firstStep);
      const steps = Math.min(lead + this.#steps, RESULT_SLOTS, toCome);
      if (steps === 0) break;
      for (const run of this.#rows.live) run.submitted = Math.min(run.steps, run.submitted + steps);
      const number = this.#number++;
      const firstSlot = this.#slot;
      const results = pool.submit(number, step, runs.length, steps, lead, (done) => {
        const blocks = new Map<number, ControlValues>();
        for (const [row, share] of runs.entries()) {
          const next = (share?.firstStep ?? 0) + done;
          if (share && next <= share.run.lead)
            blocks.set(row, steering(share.run, next, (firstSlot + done) % RESULT_SLOTS));
        }
        pool.control(blocks);
      });
      this.#pending.push({ number, steps, firstSlot, pool, runs, results });
      this.#slot = (this.#slot + steps) % RESULT_SLOTS;
      this.#steps = Math.min(2 * this.#steps, RESULT_SLOTS);
    }
    return undefined;
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
      if (run.isEnded) this.#rows.free(run);
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
