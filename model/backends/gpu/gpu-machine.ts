/**
 * The GPU as a machine. One sequence runs the fused kernels of a single token; several share the weights that a step
 * reads: they join and leave between steps, each with the bits that it has alone.
 */
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import type { ImageIdentity, Machine, MachineFacts, Sequence } from '../../machine/machine.js';
import type { GpuModel } from './gpu-model.js';
import { GpuSequence } from './gpu-sequence.js';
import { LogitsFeeder } from './logits-feeder.js';
import { manyRows } from './row-buffers.js';
import { SequencePool } from './sequence-pool.js';
import type { Tenant } from './token-run.js';
import { TokenRuns, type Premises } from './token-runs.js';

export class GpuMachine implements Machine, Premises {
  readonly facts: MachineFacts;
  readonly model: GpuModel;
  readonly runs: TokenRuns;
  readonly #release: () => void;
  #pool: SequencePool;
  /** Who is in which slot. */
  readonly #tenants: (Tenant | undefined)[] = [undefined];
  readonly #retired: SequencePool[] = [];
  #logits: Promise<LogitsFeeder> | undefined;
  /** Those that are open: they own buffers. */
  readonly #sequences = new Map<Tenant, GpuSequence>();
  /** Feeds, and moves to a larger pool, come one after the other. */
  #feeding: Promise<unknown> = Promise.resolve();

  private constructor(model: GpuModel, image: ImageIdentity, pool: SequencePool, release: () => void) {
    const { shape } = model;
    const can = { taps: true, logits: true, sampling: true, state: true, batches: true };
    this.facts = { name: 'gpu', kind: 'gpu', shape, image, sequences: manyRows(shape), can };
    this.model = model;
    this.#pool = pool;
    this.#release = release;
    this.runs = new TokenRuns(this);
  }

  /**
   * @param release called when the machine is closed: whoever has the model may free it, or its device
   * @throws GpuError
   */
  static async create(model: GpuModel, image: ImageIdentity, release: () => void = () => {}): Promise<GpuMachine> {
    return new GpuMachine(model, image, await SequencePool.create(model, 1), release);
  }

  get pool(): SequencePool {
    return this.#pool;
  }

  get shape(): ModelShape {
    return this.model.shape;
  }

  async open(): Promise<Sequence> {
    const { sequences } = this.facts;
    return await this.#alone(async () => {
      const free = this.#tenants.indexOf(undefined);
      const slot = free < 0 ? this.#tenants.length : free;
      if (slot === sequences) throw new RangeError(`this GPU has at most ${sequences} sequences of this model at once`);
      if (slot >= this.#pool.capacity) await this.#grow(Math.min(sequences, 2 * this.#pool.capacity));
      const tenant = { slot };
      this.#tenants[slot] = tenant;
      this.#pool.clear(slot);
      const sequence = new GpuSequence(this, tenant);
      this.#sequences.set(tenant, sequence);
      return sequence;
    });
  }

  /** Whoever leaves has nothing under way. */
  evict(tenant: Tenant): void {
    this.#tenants[tenant.slot] = undefined;
    this.#sequences.delete(tenant);
  }

  move(tenant: Tenant, slot: number): void {
    const from = tenant.slot;
    if (from === slot) return;
    this.#pool.swap(from, slot);
    const other = this.#tenants[slot];
    this.#tenants[slot] = tenant;
    this.#tenants[from] = other;
    tenant.slot = slot;
    if (other !== undefined) other.slot = from;
  }

  async feed(tenant: Tenant, tokens: readonly number[], onFed: (count: number) => boolean = () => true): Promise<void> {
    if (tokens.length === 0) return;
    await this.#alone(async () => {
      if (this.runs.isIdle && this.#pool.feeder.isFedSingly(tokens.length)) {
        // Their kernels are there already, while those for rows would have to be compiled.
        this.move(tenant, 0);
        this.#pool.feeder.feedSingly(tokens);
        onFed(tokens.length);
        return;
      }
      for (let start = 0; start < tokens.length;) {
        const { count } = await this.#pool.feeder.feed(() => tenant.slot, tokens.slice(start), 'nothing');
        start += count;
        if (!onFed(count)) return;
      }
    });
  }

  /** Does something with the feeder while nobody else does. */
  async feedAlone<T>(work: (pool: SequencePool) => Promise<T>): Promise<T> {
    return await this.#alone(() => work(this.#pool));
  }

  async logitsFeeder(): Promise<LogitsFeeder> {
    this.#logits ??= LogitsFeeder.create(this.model, {
      home: (tenant) => this.#pool.place(tenant.slot),
      feed: async (tenant, tokens) => await this.feed(tenant, tokens),
    });
    return await this.#logits;
  }

  /**
   * Seconds on the GPU of each kernel: of a step of so many sequences, or of tokens that are fed.
   *
   * @throws RangeError; GpuError
   */
  async time(
    work: { readonly rows: number } | { readonly tokens: readonly number[] },
  ): Promise<ReadonlyMap<string, number>> {
    return await this.feedAlone(async (pool) =>
      'rows' in work ? await pool.time(work.rows) : await pool.feeder.time(work.tokens),
    );
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#feeding.then(work);
    this.#feeding = turn.catch(() => {});
    return await turn;
  }

  /** A pool with more slots; what was submitted to the old one ends there. */
  async #grow(capacity: number): Promise<void> {
    const pool = await SequencePool.create(this.model, capacity);
    pool.takeOver(this.#pool);
    this.#retired.push(this.#pool);
    this.#pool = pool;
  }

  async close(): Promise<void> {
    for (const sequence of this.#sequences.values()) await sequence.close();
    for (const pool of [this.#pool, ...this.#retired]) await pool.close();
    (await this.#logits?.catch(() => undefined))?.close();
    this.#release();
  }
}
