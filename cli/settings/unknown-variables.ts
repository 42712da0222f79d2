/**
 * Variables of the environment that are named like settings and are none: mostly slips of the pen, which nothing else
 * would tell.
 */

import type { CommandGroup, NamedCommand } from '../command.js';
import { environmentName } from './settings.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the program reads beside settings. */
const OF_THE_PROGRAM = ['MMFREE_DEBUG', 'MMFREE_GPU_VALIDATION', 'MMFREE_RUNTIME_DIR'];

/** What the project's tests and the programs that it starts read; a test compares them with the sources. */
const OF_TESTS = [
  'MMFREE_BOARD_PID',
  'MMFREE_C_BOARD',
  'MMFREE_FIGURES',
  'MMFREE_FUZZ_RUNS',
  'MMFREE_FUZZ_SECONDS',
  'MMFREE_FUZZ_SEED',
  'MMFREE_GATEWARE',
  'MMFREE_HOSTILE_INPUTS',
  'MMFREE_LONG',
  'MMFREE_REQUIRE_GPU',
  'MMFREE_RP2040_ROM',
  'MMFREE_RP2350JS',
  'MMFREE_SOAK_MINUTES',
  'MMFREE_TEST_CLIENTS',
  'MMFREE_TEST_GPU',
  'MMFREE_TEST_NODES',
  'MMFREE_USB_LAB',
];

/** All that are read and are no settings. */
export const OTHER_VARIABLES: readonly string[] = [...OF_THE_PROGRAM, ...OF_TESTS];

/** So many letters may be wrong in a name that somebody meant. */
const MOST_SLIPS = 3;

/**
 * A remark on each variable that nothing reads.
 *
 * @param own those that the command at hand reads; only where another one is set, all commands are asked for theirs
 */
export async function remarksOnVariables(
  env: Environment,
  own: readonly string[],
  commands: readonly (NamedCommand | CommandGroup)[],
): Promise<string[]> {
  const isKnown = new Set([...own, ...OTHER_VARIABLES]);
  const isSet = ([name, value]: [string, string | undefined]): boolean =>
    name.startsWith(environmentName('')) && value !== '' && !isKnown.has(name);
  const suspects = Object.entries(env)
    .filter(isSet)
    .map(([name]) => name);
  if (suspects.length === 0) return [];
  const { declareAll, optionsBySetting } = await import('../declarations.js');
  const settings = [...optionsBySetting(await declareAll(commands)).keys()].map(environmentName);
  const unknown = suspects.filter((name) => !settings.includes(name));
  return unknown.map((name) => {
    const meant = nearest(name, [...settings, ...OF_THE_PROGRAM]);
    const hint = meant === undefined ? '`mmfree COMMAND --help` lists the names' : `did you mean ${meant}?`;
    return `${name} is no setting, and nothing reads it: ${hint}`;
  });
}

/**
 * The name that this one begins, or else the one with the fewest slips between them; undefined if there are too many.
 */
function nearest(name: string, names: readonly string[]): string | undefined {
  const begun = names.find((candidate) => candidate.startsWith(name));
  if (begun !== undefined) return begun;
  const slips = names.map((candidate) => ({ candidate, count: slipsBetween(name, candidate) }));
  const best = slips.reduce((least, next) => (next.count < least.count ? next : least));
  return best.count <= MOST_SLIPS ? best.candidate : undefined;
}

/** Letters too many, too few, other ones, or in the wrong order: the optimal string alignment distance. */
function slipsBetween(a: string, b: string): number {
  let [before, row] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const ways = [row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (isSame ? 0 : 1)];
      if (isSwap) ways.push(before[j - 2]! + 1);
      next.push(Math.min(...ways));
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
