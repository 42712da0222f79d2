/** What a check of `mmfree doctor` is, and what it finds. */

/** `warn` is missing something that not everyone needs. */
export type Finding =
  | { readonly state: 'ok'; readonly text: string }
  | { readonly state: 'warn' | 'fail'; readonly text: string; readonly fix: string; readonly cause: unknown };

export interface Check {
  readonly name: string;
  readonly examine: (signal: AbortSignal) => Promise<readonly Finding[]>;
}
