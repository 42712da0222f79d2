/** What a scenario is, and what it is given. */

import type { Log } from './log.js';

/** What was done and seen, by name: shown in the table of a run. */
export type Counts = Readonly<Record<string, number>>;

export interface Scenario {
  /** Also the name of its file, and of its log. */
  readonly name: string;
  /** What must be seen, in a sentence. */
  readonly expected: string;
  /** It runs last, when no other one does: something on this computer keeps a core busy for it. */
  readonly needsAll?: boolean;
  /** @throws whatever shows that it was not seen */
  readonly run: (lab: Lab) => Promise<Counts>;
}

export interface Lab {
  readonly log: Log;
  /** A new folder for files of this scenario. */
  readonly folder: string;
  /** Whether it is to do only as much as CI has time for. */
  readonly isQuick: boolean;
  /** Has something done when the scenario is over, however it ends; the last first. */
  readonly atEnd: (work: () => Promise<void> | void) => void;
}
