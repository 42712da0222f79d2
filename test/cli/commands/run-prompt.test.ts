/** Where `run` takes its prompt from, and what it says of the seed. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Output } from '../../../cli/output.js';
import { readPrompt } from '../../../cli/work/run/prompt.js';
import { COMMANDS, mmfree, mmfreeJson, TALES_IMAGE, temporaryFolder } from '../../helpers/command-line.js';
import { FakeProcess, type FakeRun } from '../../helpers/fake-host.js';
import { tinyImage } from '../../helpers/tiny-image.js';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const path = temporaryFolder();
const tales = ['run', '--backend', 'reference', '--image', TALES_IMAGE, '--temperature', '0', '--max-tokens', '2'];

beforeAll(async () => {
  await writeFile(path('prompt.txt'), 'The fox said\n');
  await writeFile(path('latin1.txt'), Buffer.from('caf\xe9', 'latin1'));
  await writeFile(path('empty.txt'), '');
  await writeFile(path('no-tokenizer.mmfree'), tinyImage(1, { tokenizer: new Uint8Array(0) }));
});

/** What `run` continues, with something piped in. */
async function promptOf(content: string, prompt?: string, promptFile?: string): Promise<string> {
  const stdin = { isPiped: true, isTerminal: false, open: () => Readable.from([Buffer.from(content)]) };
  const { signal } = new AbortController();
  return await readPrompt({ prompt, promptFile }, true, { stdin, signal, output: {} as Output });
}

describe('the prompt', () => {
  it.each<[string, string, readonly string[], string]>([
    ['is what is piped in', 'The fox said', [], 'The fox said'],
    ['has no line break at its end', 'The fox said\r\n', [], 'The fox said'],
    ['keeps those in the middle', 'The\nfox\n\n', [], 'The\nfox\n'],
    ['is read for -', 'The fox said', ['-'], 'The fox said'],
    ['is the argument, whatever is piped in', 'The fox said', ['Once upon'], 'Once upon'],
    ['is none if nothing is piped in', '', [], ''],
    ['is none if the argument is empty', 'The fox said', [''], ''],
  ])('%s', async (_title, content, [prompt], expected) => {
    expect(await promptOf(content, prompt)).toBe(expected);
  });

  it('is read for --prompt-file -', async () => {
    expect(await promptOf('The fox said', undefined, '-')).toBe('The fox said');
  });

  it('comes from a file', async () => {
    const { stdout } = await mmfree(...tales, '--prompt-file', path('prompt.txt'));
    expect(stdout.text).toBe((await mmfree(...tales, 'The fox said')).stdout.text);
    const none = await mmfreeJson(...tales, '--prompt-file', path('empty.txt'));
    expect(none.result).toMatchObject({ prompt_tokens: 1 });
  });

  it('may be ids', async () => {
    const fake = new FakeProcess();
    fake.stdin = { isPiped: true, isTerminal: false, open: () => Readable.from([Buffer.from('0 334 404\n')]) };
    expect((await fake.run(COMMANDS, ...tales, '--ids')).stdout.text).toBe('911 272\n');
  });

  it.each<[string, readonly string[], string]>([
    ['given twice', ['--prompt-file', 'prompt.txt', 'Once'], 'there are two prompts'],
    ['given twice, once as -', ['--prompt-file', 'prompt.txt', '-'], 'there are two prompts'],
    ['that is not UTF-8', ['--prompt-file', 'latin1.txt'], 'is not UTF-8 text'],
    ['in a file that is not there', ['--prompt-file', 'nowhere.txt'], 'no such file'],
  ])('is refused when %s', async (_title, argv, message) => {
    const args = argv.map((arg) => (arg.endsWith('.txt') ? path(arg) : arg));
    const { exit, stdout, stderr } = await mmfree(...tales, ...args);
    expect([exit, stdout.text]).toEqual([2, '']);
    expect(stderr.text).toContain(message);
  });

  it('is refused when it does not end', async () => {
    const fake = new FakeProcess();
    const endless = Readable.from((function* () { for (;;) yield Buffer.alloc(2 ** 20, 97); })()); // prettier-ignore
    fake.stdin = { isPiped: true, isTerminal: false, open: () => endless };
    const { exit, stderr } = await fake.run(COMMANDS, ...tales);
    expect([exit, stderr.lines[0]]).toEqual([2, 'error: standard input has more than 4194304 bytes']);
  });

  it('is waited for with a word after two seconds, and until Ctrl-C', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const fake = new FakeProcess();
      let running: Promise<FakeRun> | undefined;
      await new Promise<void>((opened) => {
        fake.stdin = { isPiped: true, isTerminal: false, open: () => (opened(), new PassThrough()) };
        running = fake.run(COMMANDS, ...tales);
      });
      vi.advanceTimersByTime(1999);
      expect(fake.stderr.text).toBe('');
      vi.advanceTimersByTime(1);
      expect(fake.stderr.lines).toEqual([
        expect.stringContaining('waiting for the end of the prompt on standard input'),
      ]);
      fake.interrupt();
      expect((await running)?.exit).toBe(130);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('the prompt of a process', () => {
  const ids = ['run', '--backend', 'reference', '--ids', '--max-tokens', '1', '--json', '--image'];
  const shell = (line: string): string => `exec ${process.execPath} ${MAIN} ${ids.join(' ')} "$IMAGE" ${line}`;
  const promptTokens = (line: string): number => {
    const env = { ...process.env, IMAGE: path('no-tokenizer.mmfree'), FILE: path('ids.txt'), FIFO: path('fifo') };
    const lines = execFileSync('sh', ['-c', line], { env, encoding: 'utf8' }).split('\n');
    return (JSON.parse(lines.at(-2) ?? '') as { prompt_tokens: number }).prompt_tokens;
  };

  it('is what a pipe, a file or a FIFO gives, and never the null device', async () => {
    await writeFile(path('ids.txt'), '1 2 3\n');
    execFileSync('mkfifo', [path('fifo')]);
    expect(promptTokens(`echo 1 2 3 4 | (${shell('')})`)).toBe(4);
    expect(promptTokens(shell('< "$FILE"'))).toBe(3);
    expect(promptTokens(`(echo 1 2 > "$FIFO") & ${shell('--prompt-file "$FIFO" < /dev/null')}`)).toBe(2);
    expect(promptTokens(shell('< /dev/null'))).toBe(1);
    expect(promptTokens(shell('<&-'))).toBe(1);
  });

  it.each([[[]], [['--prompt-file', 'fifo-open']]])(
    'is given up at Ctrl-C: %j',
    async (options) => {
      const argv = options.map((option) => (option === 'fifo-open' ? path(option) : option));
      if (argv.length > 0) execFileSync('mkfifo', [path('fifo-open')]);
      const child = spawn(process.execPath, [MAIN, ...ids, path('no-tokenizer.mmfree'), ...argv]);
      const hello = once(child.stdout, 'data');
      const ended = once(child, 'exit');
      const said = text(child.stdout);
      await hello;
      child.kill('SIGINT');
      expect(await ended).toEqual([130, null]);
      expect(await said).toContain('"code":"interrupted"');
    },
    60_000,
  );
});

describe('--seed random', () => {
  const random = ['run', '--backend', 'reference', '--image', TALES_IMAGE, '--max-tokens', '8', '--seed'];

  it('is shown, and repeats the text', async () => {
    const { exit, stdout, stderr } = await mmfree(...random, 'random', 'Once');
    expect(exit).toBe(0);
    const [, seed = ''] = /^seed (\d+)$/m.exec(stderr.text) ?? [];
    expect((await mmfree(...random, seed, 'Once')).stdout.text).toBe(stdout.text);
    const other = await mmfreeJson(...random, 'random', 'Once');
    expect(other.result['seed']).toMatch(/^\d+$/);
    expect(other.result['seed']).not.toBe(seed);
    expect(other.events).toContainEqual({ type: 'note', text: `seed ${String(other.result['seed'])}` });
  });
});

it('an option that only a board has is not ignored', async () => {
  const { exit, stderr } = await mmfree(...tales, '--sampling', 'host', 'Once');
  expect([exit, stderr.lines[0]]).toEqual([2, 'error: --sampling and --backend exclude each other']);
});
