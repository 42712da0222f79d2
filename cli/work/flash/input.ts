/** What `mmfree flash` is told. */
import type { BoardInput } from '../machines/open-board.js';

export interface FlashInput extends BoardInput {
  readonly image: string;
  readonly dryRun: boolean;
  /** A memory of a board of any make; the file is any file then. */
  readonly dfuAlt: string | undefined;
  /** Seconds that one request to such a board may take; the time of the standard if absent. */
  readonly requestTimeout: number | undefined;
}
