/** The program on a Node that can run it. */

import { COMMANDS } from './commands.js';
import { processHost } from './host.js';
import { runProgram } from './program.js';

// Not left to the event loop: a forgotten handle must not keep the process alive.
process.exit(await runProgram(COMMANDS, processHost()));
