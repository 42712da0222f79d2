/**
 * The commands, in the order of the help. A declaration takes a millisecond to load, and there are many: a command line that names one loads that one.
 */
import type { CommandSpec, GroupSpec } from './command.js';

type Load = () => Promise<CommandSpec | GroupSpec>;

const DECLARATIONS = new Map<string, Load>([
  ['pack', async () => (await import('./commands/pack.js')).pack],
  ['inspect', async () => (await import('./commands/inspect.js')).inspect],
  ['boards', async () => (await import('./commands/boards.js')).boards],
  ['flash', async () => (await import('./commands/flash.js')).flash],
  ['run', async () => (await import('./commands/run.js')).run],
  ['verify', async () => (await import('./commands/verify.js')).verify],
  ['eval', async () => (await import('./commands/eval.js')).evalCommand],
  ['bench', async () => (await import('./commands/bench.js')).bench],
  ['virtual-board', async () => (await import('./commands/virtual-board.js')).virtualBoard],
  ['gateware', async () => (await import('./commands/gateware.js')).gateware],
  ['doctor', async () => (await import('./commands/doctor.js')).doctor],
  ['vectors', async () => (await import('./commands/vectors.js')).vectors],
]);

/**
 * What a command line can mean: the command that it names, or all of them, for the help and for what is misspelt.
 *
 * @param argv without the interpreter and the script
 */
export async function loadDeclarations(argv: readonly string[]): Promise<readonly (CommandSpec | GroupSpec)[]> {
  const named = DECLARATIONS.get(argv.find((text) => !text.startsWith('-')) ?? '');
  const wanted = named === undefined ? [...DECLARATIONS.values()] : [named];
  return await Promise.all(wanted.map((load) => load()));
}
