/**
 * What commands print with: text for people, or JSON Lines for programs (`--json`), behind one interface.
 *
 * People get the answer on stdout and everything else on stderr. Programs get one object per line on stdout: `hello`
 * first, `progress`, `note` and the events of the command between, `result` last, whose `exit` equals the exit code.
 */

import { isWanted, READER_GONE } from './problem.js';
import type { Problem } from './problem.js';
import { ProgressMeter, progressLine } from './progress.js';
import type { Progress, ProgressSample, Task } from './progress.js';
import type { Sink } from './sink.js';
import { wrapped } from './wrapped.js';

/** How much is said beside the answer: nothing but errors, remarks, or details of the work too. */
export type Volume = 'quiet' | 'normal' | 'verbose';

/** Any JSON value; keys in snake_case. Undefined leaves a key out. */
export type JsonValue = string | number | boolean | null | undefined | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** What a command prints with. Each method has its effect for people, for programs, or for both. */
export interface Output {
  /** Whether programs are reading, for commands that would otherwise prepare text for nobody. */
  readonly isJson: boolean;
  /** For people: the answer, on stdout as it is. Programs get it from events and the result. */
  print(text: string): void;
  /**
   * For people: as `print`, whole lines, each with a label of `indent` characters in front. A terminal gets what is too
   * long for it beside the label.
   */
  printLines(lines: readonly string[], indent: number): void;
  /** For both: a remark, on stderr or as an event `note`. */
  note(text: string): void;
  /** For both, with `--verbose`: as `note`, of what the work uses; as an event it is a `detail`. */
  detail(text: string): void;
  /** For programs: one line of the given type. */
  event(type: string, fields: JsonObject): void;
  /** For programs: adds to the `result` line, which also a command that fails later prints. */
  result(fields: JsonObject): void;
  /**
   * For both: shows how far a task is, from its start on, at most ten times a second. People see it only on a terminal.
   */
  progress(task: Task): Progress;
}

/** What `runProgram` ends an output with. */
export interface Reporter extends Output {
  /** Says that a command starts. */
  begin(): void;
  /** How much is said from here on. */
  setVolume(volume: Volume): void;
  /** Says how it ended; nothing is printed afterwards. */
  finish(problem: Problem | undefined): void;
}

/** Where a reporter prints, and what it needs to know. */
export interface ReporterContext {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

const NO_PROGRESS: Progress = { begin: () => {}, update: () => {}, end: () => {} };

const ERASE_LINE = '\r\u001b[K';

/** Prints for people. */
export class HumanReporter implements Reporter {
  readonly isJson = false;
  private readonly context: ReporterContext;
  private barShown = false;
  private volume: Volume = 'normal';

  constructor(context: ReporterContext) {
    this.context = context;
  }

  begin(): void {}
  event(): void {}
  result(): void {}

  setVolume(volume: Volume): void {
    this.volume = volume;
  }

  print(text: string): void {
    this.hideBar();
    this.context.stdout.text(text);
  }

  printLines(lines: readonly string[], indent: number): void {
    this.print(lines.map((line) => `${fitted(this.context.stdout, line, indent)}\n`).join(''));
  }

  note(text: string): void {
    // A remark on what nobody reads would turn up in the middle of what `head` printed.
    if (this.context.stdout.isLost || this.volume === 'quiet') return;
    this.startLine();
    this.context.stderr.text(`${fitted(this.context.stderr, text, 0)}\n`);
  }

  detail(text: string): void {
    if (this.volume === 'verbose') this.note(text);
  }

  progress(task: Task): Progress {
    const { stderr, env, now } = this.context;
    if (!stderr.isTerminal || env['TERM'] === 'dumb' || this.volume === 'quiet') return NO_PROGRESS;
    const meter = new ProgressMeter(task, now);
    const update = (done: number, detail?: string, remark?: string): void => {
      const sample = meter.sample(done);
      if (sample !== undefined) this.showBar({ ...sample, detail, remark });
    };
    update(0);
    return { begin: (done) => meter.begin(done), update, end: () => this.hideBar() };
  }

  finish(problem: Problem | undefined): void {
    this.hideBar();
    if (problem === undefined) return;
    this.startLine();
    printProblem(this.context, problem);
  }

  private showBar(sample: ProgressSample): void {
    if (!this.barShown) this.startLine();
    this.barShown = true;
    this.context.stderr.raw(`\r${progressLine(sample, this.context.stderr.columns)}\u001b[K`);
  }

  private hideBar(): void {
    if (this.barShown) this.context.stderr.raw(ERASE_LINE);
    this.barShown = false;
  }

  /** Makes what follows on stderr start a line, also behind unfinished text of stdout on the same terminal. */
  private startLine(): void {
    this.hideBar();
    const { stdout, stderr } = this.context;
    if (stdout.isTerminal && stderr.isTerminal && stdout.isLineOpen) stdout.raw('\n');
  }
}

/** Prints for programs. */
export class JsonReporter implements Reporter {
  readonly isJson = true;
  private readonly context: ReporterContext;
  private readonly hello: JsonObject;
  private begun = false;
  private volume: Volume = 'normal';
  private resultFields: JsonObject = {};

  /** @param hello what the first line holds */
  constructor(context: ReporterContext, hello: { readonly command: string | null; readonly version: string }) {
    this.context = context;
    this.hello = hello;
  }

  begin(): void {
    if (!this.begun) this.event('hello', this.hello);
    this.begun = true;
  }

  print(): void {}
  printLines(): void {}

  setVolume(volume: Volume): void {
    this.volume = volume;
  }

  note(text: string): void {
    if (this.volume !== 'quiet') this.event('note', { text });
  }

  detail(text: string): void {
    if (this.volume === 'verbose') this.event('detail', { text });
  }

  event(type: string, fields: JsonObject): void {
    this.context.stdout.raw(`${JSON.stringify({ type, ...fields })}\n`);
  }

  result(fields: JsonObject): void {
    this.resultFields = { ...this.resultFields, ...fields };
  }

  progress(task: Task): Progress {
    if (this.volume === 'quiet') return NO_PROGRESS;
    const meter = new ProgressMeter(task, this.context.now);
    const update = (done: number): void => {
      const sample = meter.sample(done);
      if (sample === undefined) return;
      const { perSecond, secondsLeft, ...rest } = sample;
      this.event('progress', { ...rest, per_second: perSecond, seconds_left: secondsLeft });
    };
    update(0);
    return { begin: (done) => meter.begin(done), update, end: () => {} };
  }

  finish(problem: Problem | undefined): void {
    this.begin();
    const { exit, ...error } = problem ?? { exit: 0 };
    this.event('result', { ...this.resultFields, exit, ...(problem !== undefined && { error }) });
    if (problem !== undefined && this.context.stdout.isLost) printProblem(this.context, problem);
  }
}

/** The three lines of an error, on stderr. Ctrl-C needs no explanation, and a reader that went away no word. */
export function printProblem({ stderr, env }: Pick<ReporterContext, 'stderr' | 'env'>, problem: Problem): void {
  if (problem === READER_GONE) return;
  if (isWanted(problem)) {
    stderr.raw(`${problem.message}\n`);
    return;
  }
  const colours = stderr.isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  const label = (text: string, colour: number): string => (colours ? `\u001b[${colour}m${text}\u001b[0m` : text);
  for (const [name, colour, text] of [
    ['error:', 31, problem.message],
    ['cause:', 2, problem.cause],
    ['fix:  ', 32, problem.fix],
  ] as const) {
    stderr.raw(label(name, colour));
    stderr.text(`${fitted(stderr, `${name} ${text}`, name.length + 1).slice(name.length)}\n`);
  }
}

function fitted(sink: Sink, text: string, indent: number): string {
  return sink.isTerminal ? wrapped(text, sink.columns, indent) : text;
}
