/** Anything that was thrown → what the user is told about it. */

import type { MmfreeError } from '../../protocol/errors.js';
import { systemFix } from '../../protocol/system-error.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { INTERRUPTED, type Problem } from '../problem.js';
import { fixOf } from './advice.js';
import { exitCodeOf } from './exit-code-of.js';

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
