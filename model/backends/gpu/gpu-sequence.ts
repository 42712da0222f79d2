/**
 * A sequence on a GPU: what it is asked becomes feeds and runs of the machine, and what its caller has not seen is
 * undone.
 */
import { crc32 } from '../../../protocol/crc32.js';
import type { SequenceState } from '../../../protocol/state/sequence-state.js';
import { Ledger } from '../../machine/ledger.js';
import type { FeedOptions, GeneratedToken, GenerateRequest, Sequence, StepRecord } from '../../machine/machine.js';
import type { GpuModel } from './gpu-model.js';
import { LogitsFeed, type LogitsFeeder } from './logits-feeder.js';
import type { SequencePool } from './sequence-pool.js';
import { copyState, stateBytes } from './state-copies.js';
import { LEAD_MOST, TokenRun, type Tenant } from './token-run.js';
import type { Premises, TokenRuns } from './token-runs.js';

/** What a sequence uses of its machine. */
export interface SequenceHome extends Premises {
  readonly model: GpuModel;
  readonly runs: TokenRuns;
  evict(tenant: Tenant): void;
  /** @param onFed told how many tokens are fed; false ends the work @throws GpuError */
  feed(tenant: Tenant, tokens: readonly number[], onFed?: (count: number) => boolean): Promise<void>;
  /** Does something with the pool and its feeder while nobody else does. */
  feedAlone<T>(work: (pool: SequencePool) => Promise<T>): Promise<T>;
  logitsFeeder(): Promise<LogitsFeeder>;
}

export class GpuSequence implements Sequence {
  readonly #machine: SequenceHome;
  readonly #tenant: Tenant;
  readonly #ledger: Ledger;
  /** The state before tokens of which records are read. */
  #before: GPUBuffer | undefined;

  constructor(machine: SequenceHome, tenant: Tenant) {
    this.#machine = machine;
    this.#tenant = tenant;
    this.#ledger = new Ledger(machine.shape);
  }

  get position(): number {
    return this.#ledger.position;
  }

  async *feed(tokens: readonly number[], { want = 'receipts', signal }: FeedOptions = {}): AsyncGenerator<StepRecord> {
    const ledger = this.#ledger;
    ledger.enter();
    try {
      const { quiet, asked } = ledger.toFeedFor(tokens, want);
      if (!(await this.#feedQuietly(quiet, signal)) || want === 'nothing') return;
      if (want === 'logits') yield* this.#feedForLogits(asked, signal);
      else yield* this.#feedForRecords(asked, want, signal);
    } finally {
      ledger.leave();
    }
  }

  async *generate(request: GenerateRequest): AsyncGenerator<GeneratedToken> {
    const ledger = this.#ledger;
    ledger.enter();
    try {
      const { maxTokens, sampler, signal, onPrompt } = request;
      const tokens = ledger.toRun(request);
      // A few tokens are steps of the run, beside those of others; more go faster many at a time.
      const lead = tokens.length - 1 <= LEAD_MOST ? tokens.length - 1 : 0;
      const quiet = tokens.length - 1 - lead;
      if (!(await this.#feedQuietly(tokens.slice(0, quiet), signal, onPrompt))) return;
      const run = new TokenRun(this.#tenant, tokens.slice(quiet), maxTokens, sampler, ledger.nextDraw);
      try {
        for (let isFirst = true; ; isFirst = false) {
          const token = this.#machine.runs.take(run) ?? (await this.#machine.runs.next(run));
          if (token === undefined) return;
          const { id, receipt } = token;
          if (isFirst && lead > 0) {
            ledger.fed(lead);
            onPrompt?.(lead);
          }
          ledger.fed(1, receipt);
          yield { index: ledger.chose(id), id, receipt };
          if (signal?.aborted === true) return;
        }
      } finally {
        await this.#machine.runs.leave(run);
      }
    } finally {
      ledger.leave();
    }
  }

  async save(): Promise<SequenceState> {
    return await this.#ledger.during(async () => this.#ledger.state(await this.#machine.pool.read(this.#tenant.slot)));
  }

  async restore(state: SequenceState): Promise<void> {
    this.#ledger.check(state);
    await this.#ledger.during(() => {
      this.#machine.pool.write(this.#tenant.slot, state.words);
      this.#ledger.restore(state);
      return Promise.resolve();
    });
  }

  async reset(): Promise<void> {
    await this.#ledger.during(() => {
      this.#machine.pool.clear(this.#tenant.slot);
      this.#ledger.reset();
      return Promise.resolve();
    });
  }

  close(): Promise<void> {
    if (this.#ledger.close()) {
      this.#machine.evict(this.#tenant);
      if (this.#before !== undefined) this.#machine.model.gpu.free(this.#before);
    }
    return Promise.resolve();
  }

  /** @returns false if it was aborted */
  async #feedQuietly(
    tokens: readonly number[],
    signal: AbortSignal | undefined,
    onPrompt?: GenerateRequest['onPrompt'],
  ): Promise<boolean> {
    const goesOn = (): boolean => signal?.aborted !== true;
    if (!goesOn()) return false;
    let fed = 0;
    await this.#machine.feed(this.#tenant, tokens, (count) => {
      this.#ledger.fed(count);
      fed += count;
      onPrompt?.(fed);
      return goesOn();
    });
    return goesOn();
  }

  /** As many at a time as fit. */
  async *#feedForRecords(
    tokens: readonly number[],
    want: 'receipts' | 'taps',
    signal: AbortSignal | undefined,
  ): AsyncGenerator<StepRecord> {
    const { gpu, shape } = this.#machine.model;
    this.#before ??= gpu.storage('before', stateBytes(shape));
    const before = { buffer: this.#before, count: 1, slot: 0 };
    const slot = (): number => this.#tenant.slot;
    for (let start = 0; start < tokens.length;) {
      const { count, records } = await this.#machine.feedAlone((pool) =>
        pool.feeder.feed(slot, tokens.slice(start), want, (commands) =>
          copyState(commands, shape, pool.place(slot()), before),
        ),
      );
      let read = 0;
      try {
        for (const record of records) {
          read++;
          this.#ledger.fed(1, record.receipt);
          yield record;
          if (signal?.aborted === true) return;
        }
      } finally {
        if (read < count) {
          this.#machine.pool.copy(before, this.#machine.pool.place(slot()));
          await this.#machine.feed(this.#tenant, tokens.slice(start, start + read));
        }
      }
      start += count;
    }
  }

  /** One by one, beside others. */
  async *#feedForLogits(tokens: readonly number[], signal: AbortSignal | undefined): AsyncGenerator<StepRecord> {
    const feeder = await this.#machine.logitsFeeder();
    const feed = new LogitsFeed(this.#tenant, tokens);
    try {
      for (const token of tokens) {
        const logits = await feeder.next(feed);
        const receipt = receiptOf(logits);
        this.#ledger.fed(1, receipt);
        yield { token, receipt, logits };
        if (signal?.aborted === true) return;
      }
    } finally {
      await feeder.leave(feed);
    }
  }
}

function receiptOf(logits: Int32Array): number {
  return crc32(new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength));
}
