#!/usr/bin/env node
/** The program `mmfree`. */

import { loadDeclarations } from './commands.js';
import { processHost } from './host.js';
import { runProgram } from './program.js';

const host = processHost();
// Not left to the event loop: a forgotten handle must not keep the process alive.
process.exit(await runProgram(await loadDeclarations(host.argv), host));
