/** Programs of this computer, stock ones and the compiled `mmfree`, run in the guest as a user would run them. */

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import type { Log } from './log.js';

export const CHECKOUT = '/lab/checkout';

export interface Ended {
  /** Of the process; 128 + n after signal n. */
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** A program that was started and may be going on. */
export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** What it has printed to stdout until now. */
  readonly stdout: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
}

export interface ProgramOptions {
  /** Runs as the user `nobody`, in these groups beside its own. */
  readonly asNobodyIn?: readonly string[];
  /** For how long it may print nothing; then it counts as hung, and is killed. */
  readonly silentMs?: number;
}

const SILENT_MS = 60_000;

/** Starts a program; what it prints goes to the log too. */
export function start(log: Log, program: string, args: readonly string[], options: ProgramOptions = {}): Running {
  const { asNobodyIn, silentMs = SILENT_MS } = options;
  const prefix = asNobodyIn === undefined ? [] : nobodyIn(asNobodyIn);
  const [first = '', ...rest] = [...prefix, program, ...args];
  log.write(`$ ${[...prefix, program.split('/').at(-1), ...args].join(' ')}`);
  const startMs = performance.now();
  const child = spawn(first, rest, { cwd: CHECKOUT, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  const watchdog = setTimeout(() => {
    log.write(`${program} has been silent for ${silentMs / 1000} s: killed`);
    child.kill('SIGKILL');
  }, silentMs);
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      watchdog.refresh();
      texts[name] += text;
      // Of a progress bar only what stays.
      log.write(text.trimEnd().replaceAll(/.*\r/g, '').replaceAll(/^/gm, '  '));
    });
  }
  return {
    pid: child.pid ?? 0,
    ended: endOf(child).then((exit) => {
      clearTimeout(watchdog);
      const seconds = (performance.now() - startMs) / 1000;
      log.write(`  exit ${exit} after ${seconds.toFixed(2)} s`);
      return { exit, ...texts, seconds };
    }),
    stdout: () => texts.stdout,
    kill: (signal) => void child.kill(signal),
  };
}

/** Runs a program to its end. */
export async function run(
  log: Log,
  program: string,
  args: readonly string[],
  options?: ProgramOptions,
): Promise<Ended> {
  return await start(log, program, args, options).ended;
}

/** Runs a program that must succeed. @returns its stdout */
export async function succeed(log: Log, program: string, args: readonly string[]): Promise<string> {
  const { exit, stdout, stderr } = await run(log, program, args);
  assert.equal(exit, 0, `${program} ${args.join(' ')}: ${stderr || stdout}`);
  return stdout;
}

/** What runs a program as another user. */
function nobodyIn(groups: readonly string[]): string[] {
  const others = groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`;
  return ['setpriv', '--reuid=nobody', '--regid=nogroup', others];
}

const SIGNALS: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

async function endOf(child: ChildProcess): Promise<number> {
  return await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve(status ?? 128 + (SIGNALS[signal ?? ''] ?? 0)));
  });
}
