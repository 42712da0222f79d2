/** Recipes of `gateware/`: makefiles that call open tools. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text as readText } from 'node:stream/consumers';
import { packageFile } from '../../../model/package-file.js';
import { endOf, lastLines, missingOf } from '../../tools/tool-process.js';
import { toolFailed, toolsMissing } from './gateware-error.js';

export const GATEWARE_FOLDER = packageFile('gateware');

/** Programs, and the package of Debian that each one is in. */
const PACKAGES = {
  make: 'make',
  'g++': 'g++',
  verilator: 'verilator',
  yosys: 'yosys',
  'nextpnr-ice40': 'nextpnr-ice40',
  icepack: 'fpga-icestorm',
} as const;

export type Tool = keyof typeof PACKAGES;

export interface Recipe {
  /** For errors, such as `building the simulator`. */
  readonly work: string;
  readonly tools: readonly Tool[];
  /** Of `gateware/`, with a Makefile in it. */
  readonly folder: string;
  /** Of make: targets and variables. */
  readonly words: readonly string[];
  readonly signal?: AbortSignal | undefined;
  /** Is told of each tool that starts, in order; what is made already takes none. */
  readonly onStep?: (step: RecipeStep) => void;
}

/** A tool at work. */
export interface RecipeStep {
  readonly tool: string;
  /** 1 for the first one. */
  readonly number: number;
  readonly total: number;
}

/** Lines of a tool's output that an error shows. */
const SHOWN_LINES = 4;

/** Carries a recipe out. @throws GatewareError; AbortError */
export async function make({ work, tools, folder, words, signal, onStep }: Recipe): Promise<void> {
  const missing = missingOf(['make', ...tools] as const);
  if (missing.length > 0) throw toolsMissing(missing, [...new Set(missing.map((tool) => PACKAGES[tool]))]);
  const args = ['--no-print-directory', '-C', join(GATEWARE_FOLDER, folder), ...words];
  const steps = onStep === undefined ? [] : await plannedSteps(args, tools, signal);
  signal?.throwIfAborted();
  const child = spawn('make', args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let number = 0;
  // make shows each command before it runs it.
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (toolOf(line, tools) !== undefined && number < steps.length) {
      onStep?.({ tool: steps[number++] ?? '', number, total: steps.length });
    }
  });
  const said = lastLines(child.stdout, child.stderr);
  const [code, killedBy] = await endOf(child, signal);
  if (code === 0) return;
  const lines = said().filter((line) => /error|fail|cannot|no rule/i.test(line));
  throw toolFailed(work, lines.length > 0 ? lines.slice(-SHOWN_LINES) : said().slice(-SHOWN_LINES), killedBy ?? code);
}

/** The tools that make would start. Should it fail, it will say why when it runs them. */
async function plannedSteps(
  args: readonly string[],
  tools: readonly Tool[],
  signal: AbortSignal | undefined,
): Promise<Tool[]> {
  const child = spawn('make', ['--dry-run', ...args], { stdio: ['ignore', 'pipe', 'ignore'], signal });
  const [text] = await Promise.all([readText(child.stdout), once(child, 'close')]);
  return text.split('\n').flatMap((line) => toolOf(line, tools) ?? []);
}

/** The tool that a line of a recipe starts. */
function toolOf(line: string, tools: readonly Tool[]): Tool | undefined {
  const [word] = line.trim().split(' ', 1);
  return tools.find((tool) => tool === word);
}
