/** Keys pressed in the real shells, on a terminal, where they are installed; skipped where they are not. */

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mmfree, temporaryFolder } from '../../../helpers/command-line.js';
import { hasProgram } from '../../../helpers/system.js';

const path = temporaryFolder();

const [TAB, CONTROL_T] = ['\t', '\x14'];

/** How a shell starts, and what it is told first: Ctrl-T shows the line that is edited between marks and empties it. */
const SHELLS: Readonly<Record<string, { readonly start: string; readonly setUp: string; readonly sourced: string }>> = {
  bash: {
    start: 'bash --norc --noprofile -i',
    sourced: 'mmfree.bash',
    setUp: `_show() { printf '<%s>\\n' "$READLINE_LINE"; READLINE_LINE= READLINE_POINT=0; }
      bind -x '"\\C-t": _show'`,
  },
  zsh: {
    start: 'zsh -f -i',
    sourced: 'mmfree.zsh',
    // What a user's .zshrc has; and a Tab completes also while more keys are waiting.
    setUp: `autoload -Uz compinit; compinit -D -u; zstyle ':completion:*' insert-tab false
      _show() { print -r -- "<$BUFFER>"; BUFFER= }; zle -N _show; bindkey '^T' _show`,
  },
  fish: {
    start: 'fish --no-config --interactive',
    sourced: 'mmfree.fish',
    setUp: `function _show; echo "<"(commandline)">"; commandline ''; end; bind \\ct _show`,
  },
};

/** A shell on a terminal of its own, which the program \`script\` makes. */
class Terminal {
  readonly #child: ChildProcessWithoutNullStreams;
  #screen = '';
  #read = 0;

  constructor(command: string) {
    this.#child = spawn('script', ['--quiet', '--flush', '--command', command, '/dev/null'], {
      cwd: path('folder'),
      env: { ...process.env, TERM: 'xterm', PS1: '', HOME: path('home'), ZDOTDIR: path('home') },
    });
    this.#child.stdout.on('data', (bytes: Buffer) => {
      this.#screen += bytes.toString('latin1');
    });
  }

  press(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** What matches next on the screen. */
  async next(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#screen.slice(this.#read));
      if (match !== null) {
        this.#read += match.index + match[0].length;
        return match[1] ?? '';
      }
      await once(this.#child.stdout, 'data');
    }
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}

beforeAll(async () => {
  mkdirSync(path('folder'));
  mkdirSync(path('home'));
  writeFileSync(path('folder/my model.mmfree'), '');
  for (const [shell, { sourced }] of Object.entries(SHELLS)) {
    writeFileSync(path(sourced), (await mmfree('completion', shell)).stdout.text);
  }
});

describe.each(Object.entries(SHELLS))('%s', (shell, { start, setUp, sourced }) => {
  const isHere = hasProgram(shell) && hasProgram('script');
  let terminal: Terminal;

  beforeAll(async () => {
    if (!isHere) return;
    writeFileSync(path(`${shell}.set-up`), `${setUp}\nsource '${path(sourced)}'\n`);
    terminal = new Terminal(start);
    // The sum is not in what is typed: it is the shell that says it.
    terminal.press(`source '${path(`${shell}.set-up`)}'; echo ready:$(expr 40 + 2)\r`);
    await terminal.next(/ready:42/);
  });

  afterAll(() => {
    if (isHere) terminal.close();
  });

  it.skipIf(!isHere).each([
    ['mmfree gatew', 'mmfree gateware '],
    ['mmfree gateware b', 'mmfree gateware build '],
    ['mmfree run --temp', 'mmfree run --temperature '],
    ['mmfree run --backend g', 'mmfree run --backend gpu '],
    ['mmfree run --backend=g', 'mmfree run --backend=gpu '],
    ['mmfree inspect my', 'mmfree inspect my\\ model.mmfree '],
    ['mmfree run --image my', 'mmfree run --image my\\ model.mmfree '],
    ['mmfree flash --bits', 'mmfree flash --bits'],
  ])('after %j and a Tab the line is %j', async (typed, expected) => {
    terminal.press(typed + TAB + CONTROL_T);
    expect(await terminal.next(/<([^\r\n]*)>/)).toBe(expected);
  });
});
