/** `mmfree chat`: lines of a pipe, and of a terminal, where Ctrl-C stops an answer and not the program. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it, test } from 'vitest';
import { COMMANDS } from '../../../cli/commands.js';
import { decodeState } from '../../../protocol/state/state-file.js';
import { mmfreeJson, TALES_IMAGE, temporaryFolder } from '../../helpers/command-line.js';
import { FakeProcess, type FakeRun } from '../../helpers/fake-host.js';
import { hasProgram } from '../../helpers/system.js';

const path = temporaryFolder();
const SOURCE = ['--image', TALES_IMAGE, '--backend', 'cpu'];
const SHORT = [...SOURCE, '--max-tokens', '12'];

/** A conversation through a pipe. */
async function chat(lines: readonly string[], ...options: string[]): Promise<FakeRun> {
  const fake = new FakeProcess();
  fake.stdin = { isPiped: true, isTerminal: false, open: () => Readable.from([Buffer.from(lines.join('\n'))]) };
  return await fake.run(COMMANDS, 'chat', ...options);
}

interface Token {
  readonly id: number;
  readonly receipt: string;
}

/** Tokens and answers of a conversation, in JSON. */
async function told(
  lines: readonly string[],
  ...options: string[]
): Promise<{ tokens: Token[]; answers: Record<string, unknown>[] }> {
  const { exit, events } = await chat(lines, ...options, '--json');
  expect(exit).toBe(0);
  const all = events();
  return {
    tokens: all.filter(({ type }) => type === 'token').map(({ id, receipt }) => ({ id, receipt }) as Token),
    answers: all.filter(({ type }) => type === 'answer'),
  };
}

describe('a conversation', () => {
  it('is the text that run goes on with, answer by answer', async () => {
    const { tokens, answers } = await told(['Once upon a time', '', 'And then?'], ...SHORT, '--seed', '5');
    expect(answers).toHaveLength(2);
    const prompt = 'user:\nOnce upon a time\n\nassistant:\n';
    const run = await mmfreeJson('run', ...SHORT, '--seed', '5', prompt, '--save-state', path('one.state'));
    const [first, second] = [tokens.slice(0, 12), tokens.slice(12)];
    expect(run.events.filter(({ type }) => type === 'token').map(({ id, receipt }) => ({ id, receipt }))).toEqual(
      first,
    );
    const next = await mmfreeJson(
      'run',
      ...SHORT,
      '--load-state',
      path('one.state'),
      '\n\nuser:\nAnd then?\n\nassistant:\n',
    );
    expect(next.events.filter(({ type }) => type === 'token').map(({ id, receipt }) => ({ id, receipt }))).toEqual(
      second,
    );
  });

  it('is shown as text, one answer a line of its own, and nothing else on stdout', async () => {
    const { exit, stdout, stderr } = await chat(['Once upon a time'], ...SHORT, '--temperature', '0');
    const { answers } = await told(['Once upon a time'], ...SHORT, '--temperature', '0');
    expect([exit, stdout.text]).toEqual([0, `${String(answers[0]!['text']).trimStart()}\n`]);
    expect(stderr.text).toContain('was taught no conversations');
  });

  it('begins with what the model is told before', async () => {
    const { tokens } = await told(['Hello'], ...SHORT, '--system', 'Tell a tale.');
    const run = await mmfreeJson('run', ...SHORT, 'system:\nTell a tale.\n\nuser:\nHello\n\nassistant:\n');
    expect(run.events.filter(({ type }) => type === 'token').map(({ id, receipt }) => ({ id, receipt }))).toEqual(
      tokens,
    );
  });

  it('is saved and goes on elsewhere, and begins anew', async () => {
    const save = `/save ${path('chat.state')}`;
    const whole = await told(['Once', 'The fox', 'And then?'], ...SHORT, '--seed', '9');
    const one = await told(['Once', 'The fox', save], ...SHORT, '--seed', '9');
    const { tokens: listed, state } = decodeState(await readFile(path('chat.state')));
    expect(listed).toHaveLength(state.position);
    const other = await told(['Hello', `/load ${path('chat.state')}`, 'And then?'], ...SHORT);
    expect([...one.tokens, ...other.tokens.slice(12)]).toEqual(whole.tokens);
    const loaded = await told(
      ['And then?', '/reset', 'Once'],
      ...SHORT,
      '--load-state',
      path('chat.state'),
      '--seed',
      '9',
    );
    expect(loaded.tokens).toEqual([...whole.tokens.slice(24), ...whole.tokens.slice(0, 12)]);
  });
});

describe('a line that cannot be done', () => {
  test.each([
    ['/help', '/reset'],
    ['/sing', 'there is no /sing; /help lists what there is'],
    ['/save', '/save needs the path of a file'],
    ['/load /nowhere/at/all', 'ENOENT'],
    [`/load ${TALES_IMAGE}`, 'this is no saved state'],
    ['/save /nowhere/at/all', 'ENOENT'],
  ])('%s is told, and the conversation goes on', async (line, words) => {
    const { exit, stdout, stderr } = await chat([line, 'Once'], ...SHORT);
    expect([exit, stdout.lines.length > 0]).toEqual([0, true]);
    expect(stderr.text).toContain(words);
  });

  it('is a message with two slashes', async () => {
    expect((await told(['//quit'], ...SHORT)).answers).toHaveLength(1);
    expect((await told(['/quit', 'Once'], ...SHORT)).answers).toHaveLength(0);
  });

  it('is refused if it is no text', async () => {
    const fake = new FakeProcess();
    fake.stdin = { isPiped: true, isTerminal: false, open: () => Readable.from([Buffer.from([0x61, 0xff, 0x0a])]) };
    const { exit, stderr } = await fake.run(COMMANDS, 'chat', ...SHORT);
    expect([exit, stderr.text]).toEqual([2, expect.stringContaining('not text in UTF-8')]);
  });
});

const canType = process.platform === 'linux' && hasProgram('script');

describe.runIf(canType)('on a terminal', () => {
  let child: ChildProcessWithoutNullStreams | undefined;
  let screen = '';
  let read = 0;
  afterEach(() => child?.kill('SIGKILL'));

  function start(...options: string[]): void {
    const command = [process.execPath, 'dist/cli/main.js', 'chat', ...options].map((word) => `'${word}'`).join(' ');
    // Without `exec`, dash stays as the parent, sees Ctrl-C as well, and ends with 130 whatever its child ended with.
    child = spawn('script', ['--quiet', '--return', '--flush', '--command', `exec ${command}`, '/dev/null'], {
      env: { ...process.env, TERM: 'xterm' },
    });
    [screen, read] = ['', 0];
    child.stdout.on('data', (bytes: Buffer) => (screen += bytes.toString('latin1')));
  }

  async function shows(pattern: RegExp): Promise<void> {
    for (;;) {
      const match = pattern.exec(screen.slice(read));
      if (match !== null) {
        read += match.index + match[0].length;
        return;
      }
      await once(child!.stdout, 'data');
    }
  }

  it('Ctrl-C stops an answer, and what is said then is answered behind it', async () => {
    // Greedily, it repeats itself and never ends.
    start(...SOURCE, '--max-tokens', '1000000', '--temperature', '0');
    await shows(/> /);
    child!.stdin.write('Once upon a time\r');
    await shows(/(?:\S+\s+){20}/);
    child!.stdin.write('\x03');
    await shows(/\n.*> /);
    child!.stdin.write('And then?\r');
    await shows(/(?:\S+\s+){20}/);
    child!.stdin.write('\x03');
    await shows(/\n.*> /);
    child!.stdin.write('/quit\r');
    expect(await once(child!, 'exit')).toEqual([0, null]);
  });

  it('a Ctrl-C that comes when its answer has just ended does not end the conversation', async () => {
    start(...SOURCE);
    await shows(/> /);
    const pid = Number(await readFile(`/proc/${child!.pid}/task/${child!.pid}/children`, 'utf8'));
    process.kill(pid, 'SIGINT');
    // What is typed is shown by the same process, after it has heard the signal.
    child!.stdin.write('/qui');
    await shows(/\/qui/);
    child!.stdin.write('t\r');
    expect(await once(child!, 'exit')).toEqual([0, null]);
  });

  it('Ctrl-C at the prompt takes the line away, twice it ends, as Ctrl-D does', async () => {
    start(...SOURCE);
    await shows(/> /);
    child!.stdin.write('Once\x03');
    await shows(/once more ends/);
    await shows(/> /);
    child!.stdin.write('\x03');
    expect(await once(child!, 'exit')).toEqual([0, null]);
    start(...SOURCE);
    await shows(/> /);
    child!.stdin.write('\x04');
    expect(await once(child!, 'exit')).toEqual([0, null]);
  });
});
