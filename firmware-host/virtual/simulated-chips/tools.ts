/** Recipes of `gateware/`: makefiles that call open tools. */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text as readText } from 'node:stream/consumers';
import { removeAtExit } from '../../../model/files/leftovers.js';
import { packageFile } from '../../../model/package-file.js';
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

/** @throws GatewareError `gateware-tool-missing` */
function needTools(tools: readonly Tool[], env: NodeJS.ProcessEnv = process.env): void {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const missing = tools.filter((tool) => !folders.some((folder) => isProgram(join(folder, tool))));
  if (missing.length === 0) return;
  throw toolsMissing(missing, [...new Set(missing.map((tool) => PACKAGES[tool]))]);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

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
  needTools(['make', ...tools]);
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

/**
 * Waits for a program with a process group of its own. An abort, and the end of this process, end the whole group: make
 * tells the programs that it has started, but not those that they have, and a compiler so left alone goes on.
 *
 * @returns its exit code, or the signal that killed it
 * @throws AbortError, when the group is gone; the operating system's error
 */
async function endOf(child: ChildProcess, signal: AbortSignal | undefined): Promise<[number | null, string | null]> {
  const end = (): void => endGroup(child);
  const isGone = removeAtExit(end);
  signal?.addEventListener('abort', end, { once: true });
  try {
    const ended = (await once(child, 'close')) as [number | null, string | null];
    signal?.throwIfAborted();
    return ended;
  } finally {
    signal?.removeEventListener('abort', end);
    isGone();
  }
}

function endGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  } catch {
    // All of it has ended, or the system has no process groups.
    child.kill();
  }
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

const MOST_LINES = 100;

/** The last lines of streams, whenever asked for. */
export function lastLines(...streams: readonly NodeJS.ReadableStream[]): () => readonly string[] {
  const lines: string[] = [];
  for (const stream of streams) {
    let open = '';
    stream.on('data', (bytes: Buffer) => {
      const pieces = (open + bytes.toString()).split('\n');
      open = (pieces.pop() ?? '').slice(-1000);
      lines.push(...pieces.map((line) => line.trim()).filter((line) => line !== ''));
      lines.splice(0, lines.length - MOST_LINES);
    });
    stream.on('end', () => {
      if (open.trim() !== '') lines.push(open.trim());
    });
  }
  return () => lines;
}
