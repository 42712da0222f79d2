/** What is said, line by line: typed on a terminal, where lines can be edited, or piped in. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { StandardInput } from '../../standard-input.js';
import { UsageError } from '../../usage-error.js';
import { MAX_PROMPT_BYTES } from '../input-limits.js';

export interface Lines {
  /** The next one; undefined at the end, `interrupted` where Ctrl-C was pressed instead. */
  next(): Promise<string | undefined | typeof INTERRUPTED>;
  close(): void;
}

export const INTERRUPTED = Symbol('Ctrl-C');

export function linesOf(stdin: StandardInput, signal: AbortSignal): Lines {
  return stdin.isTerminal ? terminalLines() : pipedLines(stdin.open(), signal);
}

/** While nobody is asked, the terminal is as it was before, so that Ctrl-C is the signal that it is elsewhere. */
function terminalLines(): Lines {
  const { stdin, stdout } = process;
  const terminal = createInterface({ input: stdin, output: stdout, prompt: '> ', historySize: 1000 });
  const said: (string | undefined | typeof INTERRUPTED)[] = [];
  let wake = (): void => {};
  const say = (line: (typeof said)[number]): void => {
    said.push(line);
    wake();
  };
  // Of lines that are pasted, all but the first come later.
  terminal.on('line', say);
  terminal.on('close', () => say(undefined));
  terminal.on('SIGINT', () => {
    // The line that was begun goes away, as in a shell.
    terminal.write(null, { ctrl: true, name: 'e' });
    terminal.write(null, { ctrl: true, name: 'u' });
    stdout.write('\n');
    say(INTERRUPTED);
  });
  let isClosed = false;
  return {
    next: async () => {
      if (said.length === 0) {
        stdin.setRawMode(true);
        terminal.prompt();
      }
      while (said.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      if (!isClosed) terminal.pause();
      stdin.setRawMode(false);
      const line = said.shift();
      isClosed ||= line === undefined;
      return line;
    },
    close: () => terminal.close(),
  };
}

function pipedLines(input: Readable, signal: AbortSignal): Lines {
  const lines = split(input);
  const left = new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined)));
  return {
    next: async () => await Promise.race([lines.next().then(({ value }) => value ?? undefined), left]),
    close: () => void input.destroy(),
  };
}

/** @throws UsageError for a line that no prompt can be, or no text */
async function* split(input: Readable): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decoded = (bytes: Uint8Array): string => {
    try {
      return decoder.decode(bytes, { stream: true });
    } catch {
      throw badLine('it is not text in UTF-8');
    }
  };
  let rest = '';
  for await (const bytes of input as AsyncIterable<Uint8Array>) {
    const pieces = (rest + decoded(bytes)).split(/\r?\n/);
    rest = pieces.pop() ?? '';
    if (rest.length > MAX_PROMPT_BYTES) throw badLine(`a line has more than ${MAX_PROMPT_BYTES} characters`);
    yield* pieces;
  }
  if (rest !== '') yield rest;
}

function badLine(problem: string): UsageError {
  return new UsageError('bad-value', 'standard input cannot be read as lines', {
    reason: `Each line is a message, and ${problem}.`,
    fix: 'Pipe in lines of UTF-8 text.',
  });
}
