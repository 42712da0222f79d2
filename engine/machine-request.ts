/** What is asked of a kind of machines, and what it answers where none is. */
import type { BoardSelector } from '../device/selector.js';

/** What the user said of the machine that he wants. */
export interface MachineRequest {
  /** File of the image; the shipped one, or that on the board, unless given. */
  readonly image?: string | undefined;
  readonly board?: BoardSelector | undefined;
  /** The key that the board must have. */
  readonly key?: Uint8Array | undefined;
  /** Seconds to wait for a board to come. */
  readonly wait?: number;
  /** For how long a board that is lost is looked for, in milliseconds; as long as a restart takes unless given. */
  readonly reconnectMs?: number | undefined;
  /** Who samples if it is a board. */
  readonly sampling?: 'board' | 'host' | undefined;
  /** Threads that compute, where that is this computer's processor; as many as are fastest unless given. */
  readonly threads?: number | undefined;
  /** The tokenizer will be needed: make it while there is time. */
  readonly text?: boolean;
}

/** A machine that is not there, where nobody asked for it. */
export interface Absence {
  /** For people, a clause; undefined if it is nothing to tell. */
  readonly why: string | undefined;
  /** It is there, and does not work. */
  readonly hasFailed: boolean;
}
