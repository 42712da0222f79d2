/** Command lines of `mmfree` for tests: in memory, or as processes of the compiled program. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect } from 'vitest';
import { COMMANDS } from '../../cli/commands.js';
import { FakeProcess, type FakeRun } from './fake-host.js';
import { makeTensors, TINY_CONFIG, writeCheckpoint, type TestTensor } from './synthetic-checkpoint.js';
import { MISTRAL_STYLE_IDS, mistralStyleTokenizer } from './tokenizers.js';

export { COMMANDS };

export const inRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The shipped checkpoint and its image. */
export const TALES = inRoot('models/tales-9m');
export const TALES_IMAGE = join(TALES, 'tales-9m.mmfree');
export const GOLDEN_A = inRoot('test/fixtures/golden-a');

/** Runs a command line in memory. */
export function mmfree(...argv: string[]): Promise<FakeRun> {
  return new FakeProcess().run(COMMANDS, ...argv);
}

/** A virtual board that runs in this process. */
export interface RunningBoard {
  /** For `--board`. */
  readonly selector: string;
  readonly process: FakeProcess;
  /** Lines of JSON so far. */
  readonly events: () => Record<string, unknown>[];
  /** Ctrl-C. @returns its exit code */
  readonly stop: () => Promise<number>;
}

/** Starts `virtual-board` with options and waits until it can be reached. */
export async function startBoard(...options: string[]): Promise<RunningBoard> {
  const process = new FakeProcess();
  const running = process.run(COMMANDS, '--json', 'virtual-board', ...options);
  const events = (): Record<string, unknown>[] =>
    process.stdout.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const failure = running.then(({ exit, stdout }) => {
    throw new Error(`virtual-board ended with ${exit}: ${stdout.text}`);
  });
  const ready = async (): Promise<Record<string, unknown>> => {
    for (;;) {
      const event = events().find(({ type }) => type === 'ready');
      if (event !== undefined) return event;
      await new Promise<void>((resolve) => process.stdout.onWrite(resolve));
    }
  };
  const event = await Promise.race([ready(), failure]);
  failure.catch(() => {});
  const [selector = ''] = event['addresses'] as string[];
  return {
    selector,
    process,
    events,
    stop: async () => {
      process.interrupt();
      return (await running).exit;
    },
  };
}

/** JSON Lines of one run. */
export interface JsonRun {
  readonly exit: number;
  readonly events: readonly Record<string, unknown>[];
  readonly result: Record<string, unknown>;
}

/** Runs a command line in memory with --json. */
export async function mmfreeJson(...argv: string[]): Promise<JsonRun> {
  const { exit, stdout, stderr } = await mmfree('--json', ...argv);
  expect(stderr.text).toBe('');
  return asJsonRun(exit, argv, stdout.text);
}

/** Runs the compiled program with --json. */
export async function compiledJson(...argv: string[]): Promise<JsonRun> {
  const child = startCompiled('--json', ...argv);
  const [stdout, { exit }] = await Promise.all([text(child.stdout!), ended(child)]);
  return asJsonRun(exit ?? NaN, argv, stdout);
}

/** What every run with --json owes: `hello` first, one `result`, last, whose exit is that of the process. */
function asJsonRun(exit: number, argv: readonly string[], stdout: string): JsonRun {
  const events = stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const result = events.at(-1) ?? {};
  expect(events[0]).toMatchObject({ type: 'hello' });
  // Of a group the command in it is named too.
  expect([argv[0], argv.slice(0, 2).join(' ')]).toContain(events[0]?.['command']);
  expect(events.filter(({ type }) => type === 'result')).toEqual([result]);
  expect(result['exit']).toBe(exit);
  expect('error' in result).toBe(exit !== 0);
  return { exit, events, result };
}

/** Starts the compiled program. */
export function startCompiled(...argv: string[]): ChildProcess {
  return spawn(process.execPath, [inRoot('dist/cli/main.js'), ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Starts the compiled program, and waits until it says that it is ready. @throws Error if it does not */
export async function startReady(...argv: string[]): Promise<{
  readonly child: ChildProcess;
  readonly ready: { readonly url?: string; readonly addresses?: readonly string[] };
}> {
  const child = startCompiled('--json', ...argv);
  // Nobody may wait for room in it.
  child.stderr!.resume();
  for await (const line of createInterface(child.stdout!)) {
    const event = JSON.parse(line) as { readonly type: string; readonly url?: string };
    if (event.type === 'ready') return { child, ready: event };
  }
  throw new Error(`it did not start: ${argv.join(' ')}`);
}

/** How a process ended. */
async function ended(
  child: ChildProcess,
): Promise<{ readonly exit: number | null; readonly signal: string | null; readonly stderr: string }> {
  const [stderr, [exit, signal]] = await Promise.all([
    text(child.stderr!),
    once(child, 'exit') as Promise<[number | null, string | null]>,
  ]);
  return { exit, signal, stderr };
}

/** A folder for the tests of one file: gives the path of a name in it. */
export function temporaryFolder(): (name: string) => string {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mmfree-test-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}

/** A checkpoint of two layers of width 4 with a tokenizer, made of any text. @param change of its tensors */
export async function writeTextCheckpoint(
  folder: string,
  change: (tensors: TestTensor[]) => void = () => {},
): Promise<void> {
  const config = { ...TINY_CONFIG, vocab_size: MISTRAL_STYLE_IDS.vocabSize };
  const tensors = makeTensors(config);
  change(tensors);
  await writeCheckpoint(folder, config, tensors);
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(mistralStyleTokenizer()));
}
