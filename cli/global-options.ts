/** The options of all commands: how much is said, and for whom. */

import type { Command } from 'commander';
import { flag } from './command.js';
import type { Volume } from './output.js';
import { conflictingVolumes } from './usage-error.js';

/** @returns what was asked for, after parsing */
export function declareGlobalOptions(program: Command): () => Volume {
  // Its value is read before parsing (program.ts): errors of parsing are JSON too.
  flag('--json', 'print JSON Lines for programs instead of text')(program);
  const isQuiet = flag('-q, --quiet', 'say nothing beside the answer and errors')(program);
  const isVerbose = flag('-v, --verbose', 'also say what is used, and how long it takes')(program);
  return () => {
    if (isQuiet() && isVerbose()) throw conflictingVolumes();
    if (isQuiet()) return 'quiet';
    return isVerbose() ? 'verbose' : 'normal';
  };
}
