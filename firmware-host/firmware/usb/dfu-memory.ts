/** What an alternate setting of the DFU interface stands for: a memory that takes and gives files. */

import type { Refusal } from '../refusal.js';
import type { DfuStatusName } from './dfu-protocol.js';

/** Why it does not go on. */
export interface DfuFailure {
  readonly status: DfuStatusName;
  /** Says more, for those who ask for it. */
  readonly refusal?: Refusal;
}

export interface DfuMemory {
  /** The next block of a download; the first one begins it. */
  write(block: Uint8Array): void;
  /** Whether the host may say that it has sent all. */
  readonly isWhole: boolean;
  /** The host has sent all, and {@link isWhole} is true. */
  finish(): void;
  /** Milliseconds until it is worth asking again whether the work is done; 0 if it is. */
  readonly busyMs: number;
  /** Of the download that goes on. */
  readonly failure: DfuFailure | undefined;
  /**
   * At most `length` bytes from `offset` on, fewer only at the end. The first read is of the start, or the place
   * sought.
   */
  read(offset: number, length: number): Uint8Array | DfuFailure;
  /** Ends a download or an upload. */
  abandon(): void;
  /** The host is there. */
  heard(): void;
}

/** Reserved: takes nothing, gives nothing. */
export const GATEWARE: DfuMemory = {
  write: () => {},
  isWhole: false,
  finish: () => {},
  busyMs: 0,
  failure: { status: 'errTARGET' },
  read: () => ({ status: 'errTARGET' }),
  abandon: () => {},
  heard: () => {},
};
