/**
 * Sequences in the memory of the kernels, and what each of them is to do: the rows of every step, and what comes of
 * them.
 *
 * A sequence has a ring of states. Step n of a run reads the state of step n − 1 and writes its own, so that a caller
 * who leaves in the middle gets the state behind what it has seen without anything being computed again. A run may be
 * ahead of its caller by as many steps as the ring holds. Tokens of which nothing is wanted leave no states behind:
 * whoever stops there is behind the last token fed.
 */
import { isEnd } from '../../../protocol/image/end-tokens.js';
import type { CpuComputer, StepRow } from './cpu-computer.js';
import type { LogitsArray, RunOrder, RunResults } from './cpu-messages.js';
import { MAX_ROWS } from './layout.js';

/** Bytes of a ring, about; and its states, at least and at most. */
const RING_BYTES = 600_000;
const FEWEST_STATES = 5;
const MOST_STATES = 65;
/** Arrays for logits that wait to be filled, so that callers do not make garbage of each. */
const MOST_SPARE = 2 * MAX_ROWS;

/** One run, from its order to its end. */
interface Run {
  readonly number: number;
  readonly order: RunOrder;
  /** Quiet tokens that were fed. */
  quiet: number;
  /** Steps with results that were computed, and those that the caller has. */
  steps: number;
  seen: number;
  /** Slot of the state before the first step. */
  readonly origin: number;
  /** The next token of a run that chooses. */
  next: number;
  isAtEnd: boolean;
  /** Not reported yet. */
  reported: { quiet: number; steps: number };
  ids: number[];
  receipts: number[];
  taps: number[][];
  logits: LogitsArray[];
}

/** A sequence: its ring, and the slot of the state that it is in. */
interface SequenceSlot {
  readonly address: number;
  at: number;
  run: Run | undefined;
}

/** A row of a step, with what it belongs to. */
interface PlannedRow extends StepRow {
  readonly run: Run;
  readonly sequence: SequenceSlot;
  readonly isQuiet: boolean;
}

export class RunQueue {
  readonly #computer: CpuComputer;
  readonly #states: number;
  readonly #sequences = new Map<number, SequenceSlot>();
  readonly #free: number[] = [];
  /** For logits, from callers that have read theirs. */
  #spare: LogitsArray[] = [];
  /** Where the next step begins, so that nobody comes last every time. */
  #turn = 0;

  constructor(computer: CpuComputer) {
    this.#computer = computer;
    const fitting = Math.ceil(RING_BYTES / computer.plan.stateBytes);
    this.#states = Math.min(MOST_STATES, Math.max(FEWEST_STATES, fitting));
  }

  /** Steps that a run may be ahead of its caller. */
  get window(): number {
    return this.#states - 1;
  }

  /** @throws RangeError if there is no memory */
  open(sequence: number): void {
    const address = this.#free.pop() ?? this.#computer.allocate(this.#states * this.#computer.plan.stateBytes);
    this.#computer.clearState(address);
    this.#sequences.set(sequence, { address, at: 0, run: undefined });
  }

  close(sequence: number): void {
    const slot = this.#sequences.get(sequence);
    if (slot === undefined) return;
    this.#free.push(slot.address);
    this.#sequences.delete(sequence);
  }

  start(sequence: number, number: number, order: RunOrder): void {
    const slot = this.#slot(sequence);
    slot.run = {
      number,
      order,
      quiet: 0,
      steps: 0,
      seen: 0,
      origin: slot.at,
      next: order.tokens[0] ?? 0,
      isAtEnd: false,
      reported: { quiet: 0, steps: 0 },
      ids: [],
      receipts: [],
      taps: [],
      logits: [],
    };
  }

  /** @param spent arrays that nobody reads any more */
  seen(sequence: number, count: number, spent: readonly LogitsArray[]): void {
    this.#spare = [...this.#spare, ...spent].slice(0, MOST_SPARE);
    const { run } = this.#slot(sequence);
    if (run !== undefined) run.seen = count;
  }

  /** Ends a run; the state becomes that after so many steps. @returns quiet tokens that were fed */
  end(sequence: number, steps: number): number {
    const slot = this.#slot(sequence);
    const { run } = slot;
    if (run === undefined) return 0;
    slot.at = this.#slotAfter(run, steps);
    slot.run = undefined;
    return run.quiet;
  }

  /** A copy of the state, [L][H]. */
  save(sequence: number): Int32Array<ArrayBuffer> {
    const slot = this.#slot(sequence);
    return this.#computer.readState(this.#address(slot, slot.at));
  }

  restore(sequence: number, words: Int32Array): void {
    const slot = this.#slot(sequence);
    this.#computer.writeState(this.#address(slot, slot.at), words);
  }

  reset(sequence: number): void {
    const slot = this.#slot(sequence);
    this.#computer.clearState(this.#address(slot, slot.at));
  }

  /** Computes a step of whatever is to do. @returns tokens that were fed, and whether somebody has its first result */
  step(): { readonly tokens: number; readonly isNews: boolean } {
    const rows = this.#plan();
    if (rows.length === 0) return { tokens: 0, isNews: false };
    this.#computer.step(rows);
    let isNews = false;
    for (const [index, row] of rows.entries()) {
      if (row.isQuiet) row.run.quiet++;
      else {
        isNews ||= row.run.steps === 0;
        this.#take(row, index);
      }
    }
    return { tokens: rows.length, isNews };
  }

  /** What has come of the runs since it was asked last. */
  results(): RunResults[] {
    const found: RunResults[] = [];
    for (const { run } of this.#sequences.values()) {
      if (run === undefined || (run.reported.quiet === run.quiet && run.reported.steps === run.steps)) continue;
      const { number, quiet, steps, ids, receipts, taps, logits } = run;
      found.push({
        run: number,
        quiet,
        ids,
        receipts,
        ...(taps.length > 0 && { taps }),
        ...(logits.length > 0 && { logits }),
      });
      run.reported = { quiet, steps };
      run.ids = [];
      run.receipts = [];
      run.taps = [];
      run.logits = [];
    }
    return found;
  }

  /** One row for everybody, then more for those who have tokens to feed. */
  #plan(): PlannedRow[] {
    const active = [...this.#sequences.values()].filter((slot) => slot.run !== undefined && this.#ready(slot.run) > 0);
    if (active.length > MAX_ROWS) {
      this.#turn = (this.#turn + MAX_ROWS) % active.length;
      const turned = [...active.slice(this.#turn), ...active.slice(0, this.#turn)].slice(0, MAX_ROWS);
      return turned.flatMap((slot) => this.#rowsOf(slot, 1));
    }
    let left = MAX_ROWS - active.length;
    return active.flatMap((slot) => {
      const more = Math.min(left, this.#ready(slot.run!) - 1);
      left -= more;
      return this.#rowsOf(slot, 1 + more);
    });
  }

  /** Tokens of a run that one step can feed. */
  #ready(run: Run): number {
    const { order, quiet, steps, seen, isAtEnd } = run;
    if (quiet < order.quiet.length) return order.quiet.length - quiet;
    if (isAtEnd) return 0;
    const room = this.window - (steps - seen);
    if (order.choice !== undefined) return room > 0 ? 1 : 0;
    return Math.min(room, order.tokens.length - steps);
  }

  #rowsOf(sequence: SequenceSlot, count: number): PlannedRow[] {
    const run = sequence.run!;
    const { order } = run;
    const isQuiet = run.quiet < order.quiet.length;
    return Array.from({ length: count }, (_, k): PlannedRow => {
      const step = run.steps + k;
      const from = isQuiet ? run.origin : this.#slotAfter(run, step);
      const to = isQuiet ? run.origin : this.#slotAfter(run, step + 1);
      return {
        run,
        sequence,
        isQuiet,
        token: isQuiet ? order.quiet[run.quiet + k] : order.choice === undefined ? order.tokens[step] : run.next,
        from: this.#address(sequence, from),
        to: this.#address(sequence, to),
        wantsLogits: !isQuiet,
        wantsTaps: !isQuiet && order.want === 'taps',
        sampler: isQuiet ? undefined : order.choice?.sampler,
        draw: (order.choice?.firstDraw ?? 0) + step,
      };
    });
  }

  /** What came of a row that has results. */
  #take({ run, token, sequence }: PlannedRow, index: number): void {
    const { order } = run;
    const { shape } = this.#computer.plan;
    run.steps++;
    sequence.at = this.#slotAfter(run, run.steps);
    run.receipts.push(this.#computer.receiptOf(index));
    if (order.choice === undefined) {
      run.ids.push(token);
      run.isAtEnd = run.steps === order.tokens.length;
      if (order.want === 'taps') run.taps.push(this.#computer.tapsOf(index));
      if (order.want === 'logits') run.logits.push(this.#computer.logitsOf(index, this.#spare.pop()));
    } else {
      run.next = this.#computer.chosenBy(index);
      run.ids.push(run.next);
      run.isAtEnd = run.steps === order.choice.maxTokens || isEnd(shape, run.next);
    }
  }

  #slotAfter(run: Run, steps: number): number {
    return (run.origin + steps) % this.#states;
  }

  #address(slot: SequenceSlot, at: number): number {
    return slot.address + at * this.#computer.plan.stateBytes;
  }

  #slot(sequence: number): SequenceSlot {
    const slot = this.#sequences.get(sequence);
    if (slot === undefined) throw new RangeError(`there is no sequence ${sequence}`);
    return slot;
  }
}
