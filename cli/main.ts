#!/usr/bin/env node
/** The program `mmfree`. */

import type { CommandSpec } from './command.js';
import { bench } from './commands/bench.js';
import { evalCommand } from './commands/eval.js';
import { inspect } from './commands/inspect.js';
import { pack } from './commands/pack.js';
import { run } from './commands/run.js';
import { vectors } from './commands/vectors.js';
import { verify } from './commands/verify.js';
import { processHost } from './host.js';
import { runProgram } from './program.js';

const commands: readonly CommandSpec[] = [pack, inspect, run, verify, evalCommand, bench, vectors];

// Not left to the event loop: a forgotten handle must not keep the process alive.
process.exit(await runProgram(commands, processHost()));
