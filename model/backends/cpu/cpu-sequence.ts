/**
 * A sequence on the processor: what it is asked becomes a run of the first thread, which ends at what its caller has
 * seen.
 */
import { isEnd } from '../../../protocol/image/end-tokens.js';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import type { SequenceState } from '../../../protocol/state/sequence-state.js';
import { Ledger } from '../../machine/ledger.js';
import type { FeedOptions, GeneratedToken, GenerateRequest, Sequence, StepRecord } from '../../machine/machine.js';
import type { CpuReport, CpuRequest, RunOrder } from './cpu-messages.js';
import type { CpuRun, StepResult } from './cpu-run.js';

/** What a sequence uses of its machine. */
export interface SequenceHome {
  readonly shape: ModelShape;
  send(request: CpuRequest): void;
  ask(request: CpuRequest): Promise<Extract<CpuReport, { readonly is: 'done' }>>;
  start(sequence: number, order: RunOrder): CpuRun;
  /** @returns quiet tokens that were fed */
  end(sequence: number, run: CpuRun): Promise<number>;
}

export class CpuSequence implements Sequence {
  readonly #machine: SequenceHome;
  readonly #number: number;
  readonly #ledger: Ledger;

  constructor(machine: SequenceHome, number: number) {
    this.#machine = machine;
    this.#number = number;
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
      for await (const { id, ...result } of this.#run({ quiet, tokens: asked, want }, asked.length, signal)) {
        ledger.fed(1, result.receipt);
        yield { token: id, ...result };
      }
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
      const choice = { maxTokens, sampler, firstDraw: ledger.nextDraw };
      const order = { quiet: tokens.slice(0, -1), tokens: tokens.slice(-1), want: 'receipts', choice } as const;
      for await (const { id, receipt } of this.#run(order, maxTokens, signal, onPrompt)) {
        ledger.fed(1, receipt);
        yield { index: ledger.chose(id), id, receipt };
      }
    } finally {
      ledger.leave();
    }
  }

  async save(): Promise<SequenceState> {
    return await this.#ledger.during(async () => {
      const { words } = await this.#machine.ask({ do: 'save', sequence: this.#number });
      return this.#ledger.state(words!);
    });
  }

  async restore(state: SequenceState): Promise<void> {
    this.#ledger.check(state);
    await this.#ledger.during(async () => {
      await this.#machine.ask({ do: 'restore', sequence: this.#number, words: state.words });
      this.#ledger.restore(state);
    });
  }

  async reset(): Promise<void> {
    await this.#ledger.during(async () => {
      await this.#machine.ask({ do: 'reset', sequence: this.#number });
      this.#ledger.reset();
    });
  }

  close(): Promise<void> {
    if (this.#ledger.close()) this.#machine.send({ do: 'close', sequence: this.#number });
    return Promise.resolve();
  }

  /**
   * Results as they come, until there are no more or the caller has enough; the state is then that behind the last of
   * them.
   */
  async *#run(
    order: RunOrder,
    most: number,
    signal: AbortSignal | undefined,
    onQuiet?: (fed: number) => void,
  ): AsyncGenerator<StepResult> {
    if (isAborted(signal) || order.quiet.length + order.tokens.length === 0) return;
    const ledger = this.#ledger;
    const run = this.#machine.start(this.#number, order);
    let quiet = 0;
    const account = (fed: number): void => {
      ledger.fed(fed - quiet);
      quiet = fed;
    };
    try {
      for (;;) {
        if (run.quiet > quiet) {
          account(run.quiet);
          onQuiet?.(quiet);
        }
        if (isAborted(signal)) return;
        const result = run.next();
        if (result !== undefined) {
          yield result;
          if (order.choice !== undefined && isEnd(this.#machine.shape, result.id)) return;
        }
        if (run.given === most && quiet === order.quiet.length) return;
        if (result === undefined) await run.news();
      }
    } finally {
      account(Math.max(quiet, await this.#machine.end(this.#number, run)));
    }
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
