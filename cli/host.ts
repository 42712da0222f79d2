/** The real process as a `Host`. */

import { constants, homedir } from 'node:os';
import { ENDING_SIGNALS } from './problem.js';
import type { Host } from './program.js';
import { standardInput } from './standard-input.js';

/** For a command to end by itself: to tell a board, to take its files away, to say how far it came. */
const GRACE_MS = 500;
/** After that the process ends, also when nobody takes its output; what is left over goes at `exit`. */
const OUTPUT_MS = 300;

/** A user without an entry in /etc/passwd, as containers give to programs, has none. */
function homeFolder(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

export function processHost(): Host {
  return {
    argv: process.argv.slice(2),
    env: process.env,
    home: homeFolder,
    stdin: standardInput,
    stdout: process.stdout,
    stderr: process.stderr,
    now: () => performance.now(),
    graceMs: GRACE_MS,
    onInterrupt: (listener) => {
      let isFirst = true;
      for (const signal of ENDING_SIGNALS) {
        const end = (): void => process.exit(128 + constants.signals[signal]);
        process.on(signal, () => {
          if (!isFirst) end();
          const graceMs = listener(signal);
          if (graceMs === undefined) return;
          isFirst = false;
          setTimeout(end, graceMs + OUTPUT_MS).unref();
        });
      }
    },
    // Also promises that are rejected without anyone waiting for them.
    onUncaught: (listener) => process.once('uncaughtException', listener),
  };
}
