/** Anything that was thrown → what the user is told about it. */

import type { MmfreeError } from '../protocol/errors.js';
import { systemFix } from '../protocol/system-error.js';
import { fixOf } from './advice/advice.js';
import { EXIT, exitCodeOf } from './exit-codes.js';
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

/** @param subject what the error is about when it does not name a path itself */
export function describeProblem(error: unknown, subject = 'a file'): Problem {
  const exit = exitCodeOf(error);
  if (isOwnError(error)) return describeOwnError(exit, error);
  if (exit === EXIT.interrupted) return INTERRUPTED;
  if (exit !== EXIT.internalError && error instanceof Error) return describeSystemError(exit, error, subject);
  return {
    exit,
    code: 'internal-error',
    message: error instanceof Error ? error.message : String(error),
    cause: 'This is a mistake in mmfree, not in what you did.',
    fix: 'Run the command again with MMFREE_DEBUG=1 in the environment and report what it prints.',
    facts: {},
  };
}

/** By its fields: an error that comes from another thread keeps them, but not its class. */
function isOwnError(error: unknown): error is MmfreeError {
  return error instanceof Error && 'code' in error && 'reason' in error && 'fix' in error && 'facts' in error;
}

function describeOwnError(exit: ExitCode, error: MmfreeError): Problem {
  const { code, message, reason: cause, facts } = error;
  return { exit, code, message, cause, fix: fixOf(error), facts };
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

const SYSTEM_FIXES: Readonly<Partial<Record<ExitCode, string>>> = {
  [EXIT.usage]: 'Check the path; a relative one starts at the current folder.',
  [EXIT.accessDenied]: 'Change the permissions or the owner of the file (`ls -l` shows them), or use another path.',
  [EXIT.transferFailed]: 'Make room or check the disk (`df -h` shows them), or use another path.',
};

/** The message of Node, such as "ENOENT: no such file or directory, open 'x'", taken apart. */
function describeSystemError(
  exit: ExitCode,
  error: Error & { code?: unknown; path?: unknown },
  subject: string,
): Problem {
  const code = String(error.code);
  const reason = /^\w+: ([^,]*)/.exec(error.message)?.[1] ?? error.message;
  return {
    exit,
    code: 'system-error',
    message: `${typeof error.path === 'string' ? error.path : subject}: ${reason}`,
    cause: `The operating system refused with ${code}.`,
    fix: systemFix(error) ?? SYSTEM_FIXES[exit] ?? 'Check the path.',
    facts: { system_error: code, ...(typeof error.path === 'string' && { path: error.path }) },
  };
}
