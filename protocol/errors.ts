/**
 * The base of every error a user can meet: what happened, why, and what to do about it.
 *
 * Each area has one subclass with its own union of codes (`ImageError`, `CheckpointError`, …). Codes are stable and
 * machine-readable; `cli/` maps them to exit codes and is the only place that prints them.
 */

/** What an error carries beside its message. */
export interface ErrorDetails {
  /** Why it happened, one sentence. */
  readonly reason: string;
  /** The command or change that fixes it, one sentence. */
  readonly fix: string;
  /** Numbers and names for `--json`; keys in snake_case. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
  /** The error underneath, if any. */
  readonly cause?: unknown;
}

/** An error with a stable code, the reason and the fix. `message` says what happened. */
export abstract class MmfreeError<Code extends string = string> extends Error {
  /** Stable, for programs. */
  readonly code: Code;
  /** Why it happened, one sentence. */
  readonly reason: string;
  /** What to do about it. */
  readonly fix: string;
  /** Numbers and names; keys in snake_case. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;

  /**
   * Each area has a class of its own.
   *
   * @param code of the area
   * @param message what happened, a clause
   * @param details why, and what to do
   */
  constructor(code: Code, message: string, details: ErrorDetails) {
    super(message, { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.reason = details.reason;
    this.fix = details.fix;
    this.facts = details.facts ?? {};
  }
}

/** A clause as a sentence of its own, for a reason. */
export function sentenceOf(clause: string): string {
  return `${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`;
}
