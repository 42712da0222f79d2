/** What a check of `mmfree doctor` finds. */

/** What was found; `warn` is missing something that not everyone needs. */
export type Finding =
  | { readonly state: 'ok'; readonly text: string }
  | { readonly state: 'warn' | 'fail'; readonly text: string; readonly fix: string; readonly cause: unknown };
