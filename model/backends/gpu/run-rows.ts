/**
 * Which run has which row of a step. The row of a run that has left is free, until another one comes or fewer rows are
 * enough.
 */
import type { TokenRun } from './token-run.js';

export class RunRows {
  #runs: (TokenRun | undefined)[] = [];

  /** Rows that a step computes, the free ones between others included. */
  get count(): number {
    return this.#runs.length;
  }

  /** By row. */
  get runs(): readonly (TokenRun | undefined)[] {
    return this.#runs;
  }

  /** Those that have a row. */
  get live(): readonly TokenRun[] {
    return this.#runs.filter((run) => run !== undefined);
  }

  /**
   * The first rows that are free, and of these everyone his own slot if he can have it, for states are moved at the
   * price of a step each.
   *
   * @returns whose which one would be, his own slots first
   */
  seatsFor(arrivals: readonly TokenRun[]): readonly (readonly [TokenRun, number])[] {
    const free = new Set<number>();
    for (let row = 0; free.size < arrivals.length; row++) if (this.#runs[row] === undefined) free.add(row);
    const [natives, strangers]: [TokenRun[], TokenRun[]] = [[], []];
    for (const run of arrivals) (free.delete(run.tenant.slot) ? natives : strangers).push(run);
    const rest = [...free];
    return [
      ...natives.map((run) => [run, run.tenant.slot] as const),
      ...strangers.map((run, index) => [run, rest[index]] as const),
    ];
  }

  sit(run: TokenRun, row: number): void {
    run.row = row;
    this.#runs[row] = run;
  }

  free(run: TokenRun): void {
    if (run.row === undefined) return;
    this.#runs[run.row] = undefined;
    run.row = undefined;
    while (this.#runs.length > 0 && this.#runs.at(-1) === undefined) this.#runs.pop();
  }

  /** Fewer rows, when half of them are free. @param move is told who gets which row */
  compact(move: (run: TokenRun, row: number) => void): void {
    const { live } = this;
    if (2 * live.length > this.count || live.length === this.count) return;
    for (const [row, run] of live.entries()) {
      if (run.row !== row) move(run, row);
      run.row = row;
    }
    this.#runs = [...live];
  }

  clear(): void {
    for (const run of this.live) run.row = undefined;
    this.#runs = [];
  }
}
