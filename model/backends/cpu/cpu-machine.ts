/** The processor as a machine: WebAssembly in threads of its own, to which this thread only sends messages. */
import { imageChanged } from '../../../protocol/image/image-error.js';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import type { ImageIdentity, Machine, MachineFacts, Sequence } from '../../machine/machine.js';
import { CpuError, cpuFailed, cpuUnsupported } from './cpu-error.js';
import type { CpuReport, CpuRequest, CpuSetting, LogitsArray, RunOrder } from './cpu-messages.js';
import { CpuRun } from './cpu-run.js';
import { CpuSequence, type SequenceHome } from './cpu-sequence.js';

/** The first thread, from outside. */
export interface LeaderThread {
  /** @param transfer what the thread gets instead of a copy */
  send(request: CpuRequest, transfer: readonly ArrayBuffer[]): void;
  onReport(listener: (report: CpuReport) => void): void;
  /** Keeps the process alive, or not. */
  hold(isBusy: boolean): void;
  /** Ends all threads. */
  end(): Promise<void>;
}

/** Matrices of an image have something that is no weight; `verifyWeights` says what. */
export class UnsoundWeights extends Error {}

type Done = Extract<CpuReport, { readonly is: 'done' }>;

interface Waiter {
  resolve(done: Done): void;
  reject(error: unknown): void;
}

export class CpuMachine implements Machine, SequenceHome {
  readonly facts: MachineFacts;
  readonly #thread: LeaderThread;
  readonly #window: number;
  readonly #onMeasured: ((setting: CpuSetting) => void) | undefined;
  /** Of each sequence, in the order of their requests. */
  readonly #waiting = new Map<number, Waiter[]>();
  readonly #runs = new Map<number, CpuRun>();
  #pending = 0;
  #sequences = 0;
  #runNumber = 0;
  #error: Error | undefined;
  #release = (): void => {};

  private constructor(
    shape: ModelShape,
    image: ImageIdentity,
    thread: LeaderThread,
    window: number,
    onMeasured?: (setting: CpuSetting) => void,
  ) {
    const can = { taps: true, logits: true, sampling: true, state: true, batches: true };
    this.facts = { name: 'cpu', kind: 'cpu', shape, image, sequences: Infinity, can };
    this.#thread = thread;
    this.#window = window;
    this.#onMeasured = onMeasured;
    thread.onReport((report) => this.#hear(report));
    thread.hold(false);
  }

  /**
   * Waits until the model is loaded.
   *
   * @throws UnsoundWeights; CpuError, also for what reading the image throws. The thread is ended then.
   */
  static async create(
    shape: ModelShape,
    image: ImageIdentity,
    thread: LeaderThread,
    onMeasured?: (setting: CpuSetting) => void,
  ): Promise<CpuMachine> {
    thread.hold(true);
    try {
      const window = await new Promise<number>((resolve, reject) => {
        thread.onReport((report) => {
          if (report.is === 'ready') resolve(report.window);
          else if (report.is === 'unsound') reject(new UnsoundWeights());
          else if (report.is === 'unsupported') reject(cpuUnsupported(report.why));
          else if (report.is === 'failed') reject(failureOf(report.error));
        });
      });
      return new CpuMachine(shape, image, thread, window, onMeasured);
    } catch (error) {
      await thread.end();
      throw error;
    }
  }

  get shape(): ModelShape {
    return this.facts.shape;
  }

  get window(): number {
    return this.#window;
  }

  async open(): Promise<Sequence> {
    const sequence = this.#sequences++;
    await this.ask({ do: 'open', sequence });
    return new CpuSequence(this, sequence);
  }

  async close(): Promise<void> {
    this.#fail(new Error('the machine is closed'));
    await this.#thread.end();
    const release = this.#release;
    this.#release = () => {};
    release();
  }

  /** Has something done once no thread reads the image any more. */
  onClosed(release: () => void): void {
    this.#release = release;
  }

  send(request: CpuRequest, transfer: readonly ArrayBuffer[] = []): void {
    if (this.#error === undefined) this.#thread.send(request, transfer);
  }

  async ask(request: CpuRequest): Promise<Done> {
    this.check();
    const { sequence } = request;
    return await new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(sequence) ?? [];
      waiting.push({ resolve, reject });
      this.#waiting.set(sequence, waiting);
      this.#hold(1);
      this.send(request);
    });
  }

  /** @throws what the machine failed with */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  start(sequence: number, order: RunOrder): CpuRun {
    this.check();
    const number = this.#runNumber++;
    const tell = (count: number, spent: readonly LogitsArray[]): void => {
      const buffers = spent.map(({ buffer }) => buffer);
      this.send({ do: 'seen', sequence, count, spent }, buffers);
    };
    const run = new CpuRun(number, tell, this.#window);
    this.#runs.set(number, run);
    this.#hold(1);
    this.send({ do: 'run', sequence, run: number, order });
    return run;
  }

  async end(sequence: number, run: CpuRun): Promise<number> {
    if (this.#runs.delete(run.number)) this.#hold(-1);
    if (this.#error !== undefined) return run.quiet;
    const { quiet = 0 } = await this.ask({ do: 'end', sequence, steps: run.given });
    return quiet;
  }

  #hold(more: number): void {
    this.#pending += more;
    this.#thread.hold(this.#pending > 0);
  }

  #hear(report: CpuReport): void {
    switch (report.is) {
      case 'results':
        for (const results of report.results) this.#runs.get(results.run)?.take(results);
        return;
      case 'done':
        return this.#settle(report.sequence, (waiter) => waiter.resolve(report));
      case 'refused':
        return this.#settle(report.sequence, (waiter) => waiter.reject(new RangeError(report.why)));
      case 'measured':
        return this.#onMeasured?.(report.setting);
      case 'failed':
        return this.#fail(failureOf(report.error));
      case 'unsupported':
        return this.#fail(cpuUnsupported(report.why));
      case 'changed':
        return this.#fail(imageChanged('the image'));
      case 'ready':
      case 'unsound':
        return;
    }
  }

  #settle(sequence: number, how: (waiter: Waiter) => void): void {
    const waiter = this.#waiting.get(sequence)?.shift();
    if (waiter === undefined) return;
    this.#hold(-1);
    how(waiter);
  }

  #fail(error: Error): void {
    this.#error ??= error;
    for (const sequence of this.#waiting.keys()) {
      while ((this.#waiting.get(sequence)?.length ?? 0) > 0) this.#settle(sequence, (waiter) => waiter.reject(error));
    }
    for (const run of this.#runs.values()) run.fail(error);
  }
}

function failureOf(error: unknown): CpuError {
  return error instanceof CpuError ? error : cpuFailed(error);
}
