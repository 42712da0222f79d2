/** What the exit code of every command means. Scripts rely on these numbers: they never change. */

export const EXIT = {
  done: 0,
  /** A mistake in this program. */
  internalError: 1,
  /** The command line asks for something that does not exist, or not in this way. */
  usage: 2,
  noBoard: 3,
  accessDenied: 4,
  boardBusy: 5,
  /** An image, a checkpoint, a tokenizer, a program or a saved state that cannot be used. */
  badImage: 6,
  /**
   * A good image, for another board or GPU; a good state, of another image; a request that this board does not know.
   */
  wrongBoard: 7,
  transferFailed: 8,
  /** Two machines that should compute the same do not. */
  mismatch: 9,
  noAnswer: 10,
  ambiguousBoard: 11,
  /** Images that a board does not take, beside models that it is not made for (7). */
  imageTooLarge: 12,
  revisionTooOld: 13,
  notSigned: 14,
  wrongSignature: 15,
  /** The board is there, but the kernel's driver for it is another one, or none. */
  wrongDriver: 16,
  /** The board is there, but breaks the USB standards. */
  brokenBoard: 17,
  /** The computer has no GPU that can be used, and one was asked for. */
  noGpu: 18,
  /** A tool of the system, such as those for gateware and firmware, is not installed, or failed. */
  noTool: 19,
  /** Training came to a loss that is no number. */
  diverged: 21,
  /** 128 + the signal that ended the command, as shells have it: SIGHUP, SIGINT, SIGTERM. */
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
