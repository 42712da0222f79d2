import type { SessionOptions } from '../device/session.js';

/** What whoever uses the engine hands in beside the task itself: no command line is known here. */
export interface EngineOptions {
  /** Ends the work; what is open is closed. */
  readonly signal: AbortSignal;
  /**
   * Is told in a sentence what the engine decided by itself, or waits for; `hasFailed` if it does without something
   * that does not work.
   */
  readonly onNote: (text: string, about?: { readonly hasFailed: boolean }) => void;
  /** Is told what only those want to know who look closely. */
  readonly onDetail?: (text: string) => void;
  /** Sees the frames on the wires of boards. */
  readonly wires?: SessionOptions['observer'];
}
