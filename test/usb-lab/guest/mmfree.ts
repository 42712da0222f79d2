/** The command line, as a process with `--json`, and what each run of it owes. */

import assert from 'node:assert/strict';
import { CHECKOUT, start, type Ended, type ProgramOptions, type Running } from './program.js';
import type { Log } from './log.js';

export type JsonObject = Readonly<Record<string, unknown>>;

export interface MmfreeRun extends Ended {
  readonly events: readonly JsonObject[];
  readonly result: JsonObject;
  /** `error` of the result. */
  readonly error: { readonly code: string; readonly message: string; readonly cause: string; readonly fix: string };
}

const MAIN = `${CHECKOUT}/dist/cli/main.js`;

export function startMmfree(log: Log, args: readonly string[], options?: ProgramOptions): Running {
  return start(log, process.execPath, [MAIN, '--json', ...args], options);
}

/** Runs a command to its end. @throws AssertionError if it breaks the contract of --json */
export async function mmfree(log: Log, args: readonly string[], options?: ProgramOptions): Promise<MmfreeRun> {
  return asMmfreeRun(await startMmfree(log, args, options).ended);
}

/** Runs a command that must end with an exit code. */
export async function mmfreeExits(
  log: Log,
  exit: number,
  args: readonly string[],
  options?: ProgramOptions,
): Promise<MmfreeRun> {
  const run = await mmfree(log, args, options);
  assert.equal(run.exit, exit, `mmfree ${args.join(' ')}: ${JSON.stringify(run.result['error'] ?? run.result)}`);
  return run;
}

/**
 * The lines of a run: `hello` first, one `result`, last, whose exit is that of the process, with an error iff it is not
 * 0.
 */
export function asMmfreeRun(ended: Ended): MmfreeRun {
  const events = eventsOf(ended.stdout);
  const result = events.at(-1) ?? {};
  assert.equal(events[0]?.['type'], 'hello', `the first line is no hello: ${ended.stdout}${ended.stderr}`);
  assert.deepEqual(
    events.filter(({ type }) => type === 'result'),
    [result],
    'there is not one result, last',
  );
  assert.equal(result['exit'], ended.exit, 'the result names another exit code than the process has');
  assert.equal('error' in result, ended.exit !== 0, 'an error and the exit code contradict each other');
  const error = (result['error'] ?? {}) as MmfreeRun['error'];
  if (ended.exit !== 0) {
    for (const key of ['code', 'message', 'cause', 'fix'] as const) {
      assert.ok(error[key]?.length > 0, `the error has no ${key}: ${JSON.stringify(error)}`);
    }
  }
  return { ...ended, events, result, error };
}

/** Complete lines of JSON. */
export function eventsOf(stdout: string): JsonObject[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as JsonObject);
}
