/** What the benchmarks share. */

/** Options of all subjects. */
export interface BenchInput {
  /** What has a benchmark of its own, or another kind of machine. */
  readonly subject: string;
  readonly image: string | undefined;
  readonly shape: '9M' | '370M' | '1.3B' | '2.7B';
  readonly folder: string | undefined;
  readonly tokens: number;
  readonly runs: number | undefined;
  readonly prompt: number | undefined;
  readonly batch: number | undefined;
  readonly threads: readonly number[] | undefined;
  /** Folder of another engine. */
  readonly peer: string | undefined;
  readonly cycles: number | undefined;
  readonly backend: string | undefined;
}

/** The middle one of several measurements. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
