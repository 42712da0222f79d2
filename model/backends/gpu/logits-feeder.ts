/**
 * Given tokens whose logits come to the host: a step for each token, several sequences side by side, each logit as the
 * reference has it.
 *
 * States are copied here and, at their end, back home: who leaves earlier is fed again there what was read. As in
 * token-runs.ts, whoever does not come back while others wait is set aside.
 */
import type { Step } from './batch-step.js';
import { encodeDispatches, type Dispatch } from './device/dispatch.js';
import { USAGE } from './device/gpu-usage.js';
import type { GpuModel } from './gpu-model.js';
import { CONTROL, CONTROL_WORDS } from './kernels/control.js';
import { FEW_ROWS } from './row-buffers.js';
import { embedKernelOf } from './run-kernels.js';
import { SequenceBuffers } from './sequence-buffers.js';
import { copyState, type StatePlace } from './state-copies.js';
import type { Tenant } from './token-run.js';

/** For so long the others wait for one that does not come back. */
const LAG_MS = 5;
/** Steps that the GPU has before it. */
const IN_FLIGHT = 2;

/** What the feeder asks of those who own the sequences. */
export interface Homes {
  home(tenant: Tenant): StatePlace;
  /** Feeds tokens at home, and wants nothing of them. @throws GpuError */
  feed(tenant: Tenant, tokens: readonly number[]): Promise<void>;
}

/** One sequence's tokens. */
export class LogitsFeed {
  readonly tenant: Tenant;
  readonly tokens: readonly number[];
  /** Tokens that are fed at home, are submitted here, and were read by the caller. */
  atHome = 0;
  submitted = 0;
  read = 0;
  queue: Int32Array[] = [];
  row: number | undefined;
  /** How often it has left. */
  visit = 0;
  /** Its way back to what was read, when it has left: nothing may be done with its state before. */
  returning: Promise<void> | undefined;
  waiter: { resolve(logits: Int32Array): void; reject(error: unknown): void } | undefined;

  constructor(tenant: Tenant, tokens: readonly number[]) {
    this.tenant = tenant;
    this.tokens = tokens;
  }
}

/** A step of several, of which some rows count. */
interface Submission {
  readonly rows: readonly ({ readonly feed: LogitsFeed; readonly visit: number } | undefined)[];
  readonly logits: Promise<ArrayBuffer>;
}

export class LogitsFeeder {
  readonly #model: GpuModel;
  readonly #homes: Homes;
  readonly #buffers: SequenceBuffers;
  readonly #step: Step;
  readonly #embed: Dispatch;
  readonly #readback: readonly GPUBuffer[];
  #rows: (LogitsFeed | undefined)[] = [];
  /** Those that wait for a row. */
  readonly #coming = new Set<LogitsFeed>();
  readonly #pending: Submission[] = [];
  #number = 0;
  #isPumping = false;
  #mustPump = false;
  #lagTimer: ReturnType<typeof setTimeout> | undefined;

  private constructor(model: GpuModel, homes: Homes, buffers: SequenceBuffers, step: Step, embed: GPUComputePipeline) {
    const { gpu, weights } = model;
    const { control, logits, x } = buffers;
    this.#model = model;
    this.#homes = homes;
    this.#buffers = buffers;
    this.#step = step;
    const bindings = gpu.bind(embed, [weights.headConstants, control, weights.embedding, x]);
    this.#embed = { label: 'embed next', kernel: embed, bindings, workgroups: (rows) => [rows, 1, 1] };
    const mappable = USAGE.mapRead | USAGE.copyTarget;
    this.#readback = Array.from({ length: IN_FLIGHT }, () => gpu.buffer('logits', logits.size, mappable));
  }

  /** @throws GpuError */
  static async create(model: GpuModel, homes: Homes): Promise<LogitsFeeder> {
    const { gpu, shape } = model;
    const { createBatchStep } = await import('./batch-step.js');
    const buffers = await gpu.allocating(() => new SequenceBuffers(gpu, shape, FEW_ROWS, 1));
    const step = await createBatchStep(model, buffers, FEW_ROWS);
    const embed = await embedKernelOf(model);
    return await gpu.allocating(() => new LogitsFeeder(model, homes, buffers, step, embed));
  }

  /** The logits after the feed's next token, of which there must be one. @throws GpuError */
  async next(feed: LogitsFeed): Promise<Int32Array> {
    if (feed.row === undefined) await feed.returning;
    const logits =
      feed.queue.shift() ??
      (await new Promise<Int32Array>((resolve, reject) => {
        feed.waiter = { resolve, reject };
        if (feed.row === undefined) this.#coming.add(feed);
        this.#pump();
      }));
    feed.read++;
    return logits;
  }

  /** Gives the row of a feed to others; its state at home becomes that of what was read. @throws GpuError */
  async leave(feed: LogitsFeed): Promise<void> {
    const { row, tenant, tokens, read, atHome } = feed;
    if (row !== undefined) {
      this.#rows[row] = undefined;
      while (this.#rows.length > 0 && this.#rows.at(-1) === undefined) this.#rows.pop();
      feed.row = undefined;
    }
    feed.visit++;
    feed.queue = [];
    feed.atHome = feed.submitted = read;
    this.#pump();
    if (row !== undefined && read === tokens.length) this.#copy(this.#place(row), this.#homes.home(tenant));
    else if (read > atHome) feed.returning = this.#homes.feed(tenant, tokens.slice(atHome, read));
    await feed.returning;
  }

  /** Looks what can be done: called whenever something has changed. */
  #pump(): void {
    this.#mustPump = true;
    if (this.#isPumping) return;
    this.#isPumping = true;
    void (async () => {
      try {
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

  async #work(): Promise<void> {
    // Those who ask at the same time are fed at the same time.
    await Promise.resolve();
    while (!this.#isHeldUp()) {
      this.#admit();
      while (
        this.#pending.length < IN_FLIGHT &&
        this.#rows.some((feed) => feed && feed.submitted < feed.tokens.length)
      ) {
        this.#pending.push(this.#submit());
      }
      const submission = this.#pending.shift();
      if (submission === undefined) return;
      this.#deliver(submission, new Int32Array(await submission.logits));
    }
  }

  /** Whether somebody has not read what is there; who does not come back while others wait is set aside. */
  #isHeldUp(): boolean {
    const unread = this.#rows.filter((feed) => feed !== undefined && feed.waiter === undefined);
    if (unread.length === 0) return false;
    const isAnyoneWaiting = this.#coming.size > 0 || unread.length < this.#rows.filter(Boolean).length;
    if (isAnyoneWaiting && this.#lagTimer === undefined) {
      const visits = unread.map((feed) => ({ feed, visit: feed?.visit, read: feed?.read }));
      this.#lagTimer = setTimeout(() => {
        this.#lagTimer = undefined;
        for (const { feed, visit, read } of visits) {
          const isSlow = feed !== undefined && feed.waiter === undefined && feed.visit === visit && feed.read === read;
          if (isSlow) this.leave(feed).catch((error: unknown) => this.#fail(error));
        }
        this.#pump();
      }, LAG_MS);
    }
    return true;
  }

  /** Gives rows to those that wait, as long as there are some. */
  #admit(): void {
    for (const feed of this.#coming) {
      const free = this.#rows.indexOf(undefined);
      const row = free < 0 ? this.#rows.length : free;
      if (row === this.#buffers.count) return;
      this.#coming.delete(feed);
      this.#copy(this.#homes.home(feed.tenant), this.#place(row));
      feed.row = row;
      this.#rows[row] = feed;
    }
  }

  /** The next token of every row that has one; the others stay as they are. */
  #submit(): Submission {
    const { gpu } = this.#model;
    const { control, logits } = this.#buffers;
    const words = new Uint32Array(this.#rows.length * CONTROL_WORDS);
    const rows = this.#rows.map((feed, row) => {
      const token = feed?.tokens[feed.submitted];
      words[row * CONTROL_WORDS + CONTROL.token] = token ?? 0;
      words[row * CONTROL_WORDS + CONTROL.done] = token === undefined ? 1 : 0;
      if (feed === undefined || token === undefined) return undefined;
      feed.submitted++;
      return { feed, visit: feed.visit };
    });
    gpu.device.queue.writeBuffer(control, 0, words);
    const commands = gpu.device.createCommandEncoder();
    const pass = commands.beginComputePass();
    encodeDispatches(pass, [this.#embed], rows.length);
    this.#step.encode(pass, rows.length);
    pass.end();
    const readback = this.#readback[this.#number++ % IN_FLIGHT];
    commands.copyBufferToBuffer(logits, 0, readback, 0, logits.size);
    gpu.submit(commands);
    const answer = gpu.read(readback, logits.size);
    // Whoever awaits it gets the error; nobody awaits it after another one.
    answer.catch(() => {});
    return { rows, logits: answer };
  }

  #deliver({ rows }: Submission, logits: Int32Array): void {
    const { vocabSize } = this.#model.shape;
    for (const [row, entry] of rows.entries()) {
      if (entry === undefined || entry.visit !== entry.feed.visit) continue;
      const { feed } = entry;
      const own = logits.subarray(row * vocabSize, (row + 1) * vocabSize);
      const { waiter } = feed;
      feed.waiter = undefined;
      if (waiter) waiter.resolve(own);
      else feed.queue.push(own);
    }
  }

  #fail(error: unknown): void {
    for (const feed of new Set([...this.#rows, ...this.#coming])) {
      if (feed === undefined) continue;
      feed.row = undefined;
      feed.waiter?.reject(error);
      feed.waiter = undefined;
    }
    this.#rows = [];
    this.#coming.clear();
    this.#pending.length = 0;
  }

  #place(row: number): StatePlace {
    return { buffer: this.#buffers.state, count: this.#buffers.count, slot: row };
  }

  #copy(from: StatePlace, to: StatePlace): void {
    const { gpu, shape } = this.#model;
    const commands = gpu.device.createCommandEncoder();
    copyState(commands, shape, from, to);
    gpu.submit(commands);
  }

  close(): void {
    const { gpu } = this.#model;
    this.#step.close();
    this.#buffers.close();
    for (const buffer of this.#readback) gpu.free(buffer);
  }
}
