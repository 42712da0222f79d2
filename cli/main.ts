#!/usr/bin/env node
/** The program `mmfree`. */

import type { CommandSpec, GroupSpec } from './command.js';
import { bench } from './commands/bench.js';
import { boards } from './commands/boards.js';
import { doctor } from './commands/doctor.js';
import { evalCommand } from './commands/eval.js';
import { flash } from './commands/flash.js';
import { gateware } from './commands/gateware.js';
import { inspect } from './commands/inspect.js';
import { pack } from './commands/pack.js';
import { run } from './commands/run.js';
import { vectors } from './commands/vectors.js';
import { verify } from './commands/verify.js';
import { virtualBoard } from './commands/virtual-board.js';
import { processHost } from './host.js';
import { runProgram } from './program.js';

const commands: readonly (CommandSpec | GroupSpec)[] = [
  pack,
  inspect,
  boards,
  flash,
  run,
  verify,
  evalCommand,
  bench,
  virtualBoard,
  gateware,
  doctor,
  vectors,
];

// Not left to the event loop: a forgotten handle must not keep the process alive.
process.exit(await runProgram(commands, processHost()));
