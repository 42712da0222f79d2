/** What `mmfree flash` is told. */

export interface FlashInput {
  readonly board: string | undefined;
  /** Of the key that the board must have. */
  readonly keyFile: string | undefined;
  /** Seconds to wait for the board to come. */
  readonly wait: number;
  readonly image: string;
  readonly dryRun: boolean;
  /** A memory of a board of any make; the file is any file then. */
  readonly dfuAlt: string | undefined;
  /** Seconds that one request to such a board may take; the time of the standard if absent. */
  readonly requestTimeout: number | undefined;
}
