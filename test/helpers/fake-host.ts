/** A process without a process: runs command lines in memory. */

import { Readable } from 'node:stream';
import type { CommandGroup, NamedCommand } from '../../cli/command.js';
import type { ExitCode } from '../../cli/exit-codes.js';
import { runProgram } from '../../cli/program.js';
import type { OutputStream } from '../../cli/sink.js';
import type { StandardInput } from '../../cli/standard-input.js';

/** A stream that keeps what is written, until it fails. */
export class FakeStream implements OutputStream {
  text = '';
  readonly columns = 80;
  readonly isTTY: boolean;
  private readonly listeners: ((error: Error) => void)[] = [];
  private error: Error | undefined;
  private onNextWrite: () => void = () => {};

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  write(text: string, onWritten?: () => void): void {
    if (this.error !== undefined) for (const listener of this.listeners) listener(this.error);
    else this.text += text;
    onWritten?.();
    this.onNextWrite();
  }

  /** Calls `listener` after the next write, once. */
  onWrite(listener: () => void): void {
    this.onNextWrite = () => {
      this.onNextWrite = (): void => {};
      listener();
    };
  }

  on(_event: 'error', listener: (error: Error) => void): void {
    this.listeners.push(listener);
  }

  /** Makes every further write fail like a closed pipe or a full disk. */
  fail(code: string): void {
    this.error = Object.assign(new Error(`${code}: out of order, write`), { code, syscall: 'write' });
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

/** How a command line ended. */
export interface FakeRun {
  readonly exit: ExitCode;
  readonly stdout: FakeStream;
  readonly stderr: FakeStream;
  /** The lines of stdout as JSON. */
  readonly events: () => Record<string, unknown>[];
}

/** Handles of the process that a test may use while the command runs. */
export class FakeProcess {
  readonly stdout: FakeStream;
  readonly stderr: FakeStream;
  /** Nothing is piped in unless a test says so. */
  stdin: StandardInput = { isPiped: false, isTerminal: false, open: () => Readable.from([]) };
  nowMs = 0;
  /** How far the clock goes on each time it is read. */
  tickMs = 0;
  interrupt: () => void = () => {};
  hangUp: () => void = () => {};
  crash: (error: unknown) => void = () => {};
  private readonly env: Record<string, string>;
  private readonly graceMs: number | undefined;

  constructor({
    terminal = false,
    env = {},
    graceMs,
  }: { terminal?: boolean; env?: Record<string, string>; graceMs?: number } = {}) {
    this.stdout = new FakeStream(terminal);
    this.stderr = new FakeStream(terminal);
    this.env = env;
    this.graceMs = graceMs;
  }

  async run(commands: readonly (NamedCommand | CommandGroup)[], ...argv: string[]): Promise<FakeRun> {
    const { stdin, stdout, stderr, env, graceMs } = this;
    const exit = await runProgram(commands, {
      argv,
      env,
      home: () => undefined,
      stdin,
      stdout,
      stderr,
      now: () => (this.nowMs += this.tickMs),
      onInterrupt: (listener) => {
        this.interrupt = () => listener('SIGINT');
        this.hangUp = () => listener('SIGHUP');
      },
      onUncaught: (listener) => (this.crash = listener),
      ...(graceMs !== undefined && { graceMs }),
    });
    const events = (): Record<string, unknown>[] =>
      stdout.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    return { exit, stdout, stderr, events };
  }
}
