/** What the user is told about what went wrong, and what is told where nothing did. */

import { EXIT } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';

/** What went wrong, why, and what to do. */
export interface Problem {
  readonly exit: ExitCode;
  /** Stable, for scripts. */
  readonly code: string;
  readonly message: string;
  readonly cause: string;
  readonly fix: string;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}

/** The user pressed Ctrl-C. */
export const INTERRUPTED: Problem = {
  exit: EXIT.interrupted,
  code: 'interrupted',
  message: 'interrupted',
  cause: 'Ctrl-C or a signal stopped the command before it was done.',
  fix: 'Run the same command again.',
  facts: {},
};

/** What a command that was asked to end says. */
const ENDED_BY: Readonly<Record<EndingSignal, Problem>> = {
  SIGINT: INTERRUPTED,
  SIGTERM: { ...INTERRUPTED, exit: EXIT.terminated, code: 'terminated', message: 'terminated' },
  SIGHUP: { ...INTERRUPTED, exit: EXIT.hungUp, code: 'hung-up', message: 'hung up' },
};

/** By Ctrl-C, by who ends programs, by a terminal that is closed. */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type EndingSignal = (typeof ENDING_SIGNALS)[number];

export function endedBy(signal: EndingSignal): Problem {
  return ENDED_BY[signal];
}

/** Whether nothing went wrong: somebody wanted the command to end. */
export function isWanted(problem: Problem): boolean {
  return Object.values(ENDED_BY).includes(problem);
}

/** Whoever read the output has read enough, such as `head`. It is never printed. */
export const READER_GONE: Problem = {
  exit: EXIT.interrupted,
  code: 'reader-gone',
  message: 'nobody reads the output any more',
  cause: 'The program behind the pipe ended first.',
  fix: 'Read to the end if the exit code matters.',
  facts: {},
};
