/** The real process as a `Host`. */

import { homedir } from 'node:os';
import type { Host } from './program.js';
import { standardInput } from './standard-input.js';

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
    onInterrupt: (listener) => {
      // `once`: the second signal finds no listener and ends the process.
      process.once('SIGINT', listener);
      process.once('SIGTERM', listener);
    },
    // Also promises that are rejected without anyone waiting for them.
    onUncaught: (listener) => process.once('uncaughtException', listener),
  };
}
