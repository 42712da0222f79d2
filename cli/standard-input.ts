/** What is piped into the process. */
import { fstatSync } from 'node:fs';
import type { Readable } from 'node:stream';

export interface StandardInput {
  /** Whether it is a pipe or a file: not a terminal, where nobody may be, nor the null device. */
  readonly isPiped: boolean;
  /** Whether somebody types into it and sees there what is printed. */
  readonly isTerminal: boolean;
  /** Once. */
  open(): Readable;
}

/** That of this process; nothing is opened before it is asked for. */
export const standardInput: StandardInput = {
  get isPiped() {
    try {
      const stats = fstatSync(0);
      // Programs that start this one may use a pair of sockets as a pipe.
      return stats.isFIFO() || stats.isFile() || stats.isSocket();
    } catch {
      return false;
    }
  },
  get isTerminal() {
    return process.stdin.isTTY && process.stdout.isTTY;
  },
  open: () => process.stdin,
};
