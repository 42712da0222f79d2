/** What the guest tells the host: lines of JSON. */

export interface Outcome {
  readonly name: string;
  readonly expected: string;
  readonly seconds: number;
  readonly counts: Readonly<Record<string, number>>;
  /** Why it failed; empty if it passed. */
  readonly failures: readonly string[];
}

export type Progress =
  | { readonly type: 'started'; readonly name: string }
  | { readonly type: 'ended'; readonly outcome: Outcome }
  /** The lab itself has a mistake. */
  | { readonly type: 'broken'; readonly reason: string };
