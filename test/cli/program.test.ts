import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  argument,
  defineCommand,
  flag,
  option,
  optionalArgument,
  optionWithDefault,
  optionWithPreset,
  repeatedOption,
  requiredOption,
  type CommandContext,
  type CommandSpec,
  type NamedCommand,
} from '../../cli/command.js';
import { integer, oneOf, path, text } from '../../cli/options.js';
import { VERSION } from '../../protocol/version.js';
import { CheckpointError } from '../../model/checkpoint/checkpoint-error.js';
import { FakeProcess } from '../helpers/fake-host.js';

/** A command `work` that takes an optional word and does `work`. */
function workCommand(work: (context: CommandContext, word: string | undefined) => Promise<void>): NamedCommand {
  const spec = defineCommand({
    examples: ['mmfree work now'],
    parameters: {
      word: optionalArgument('[word]', 'a word', text),
      tokens: option('-n, --tokens <n>', 'how many', integer({ min: 1, max: 10, example: 5 })),
    },
    load: async () => (input: { readonly word: string | undefined }, context) => work(context, input.word),
  });
  return { name: 'work', summary: 'do some work', load: async () => spec };
}

const idle = workCommand(async () => {});
const checkpointError = new CheckpointError('checkpoint-not-found', 'there is no folder x', {
  reason: 'The path does not exist.',
  fix: 'Give another folder.',
  facts: { file: 'x' },
});

describe('the parameters of a command', () => {
  const inputs: unknown[] = [];
  const command = (): NamedCommand => ({ name: 'take', summary: 'take parameters', load: async () => spec() });
  const spec = (): CommandSpec =>
    defineCommand({
      parameters: {
        image: argument('<image>', 'a file', path),
        prompt: optionalArgument('[prompt]', 'a text', text),
        output: requiredOption('-o, --output <file>', 'a file', path),
        maxTokens: optionWithDefault('--max-tokens <n>', 'a number', integer({ min: 1, max: 9, example: 5 }), 3),
        backend: option('--backend <name>', 'a name', oneOf(['cpu', 'gpu'])),
        stop: repeatedOption('--stop <text>', 'a text', text),
        ids: flag('--ids', 'a switch'),
      },
      load: async () => async (input) => {
        inputs.push(input);
      },
    });

  it.each([
    [
      ['take', 'a.img', '-o', 'x'],
      { image: 'a.img', prompt: undefined, output: 'x', maxTokens: 3, backend: undefined, stop: [], ids: false },
    ],
    [
      [
        'take',
        '--stop',
        'a',
        'a.img',
        '--ids',
        'hello you',
        '--stop=-b',
        '--output=x',
        '--max-tokens',
        '9',
        '--backend',
        'gpu',
      ],
      { image: 'a.img', prompt: 'hello you', output: 'x', maxTokens: 9, backend: 'gpu', stop: ['a', '-b'], ids: true },
    ],
    [
      ['take', '-o', '-', '--', '--json', '-x'],
      { image: '--json', prompt: '-x', output: '-', maxTokens: 3, backend: undefined, stop: [], ids: false },
    ],
  ])('reach its work: %j', async (argv, input) => {
    const { exit, stderr } = await new FakeProcess().run([command()], ...argv);
    expect([exit, stderr.text, inputs.pop()]).toEqual([0, '', input]);
  });

  it.each<[string[], string, string, string]>([
    [[], 'no-command', 'no command given', 'Run `mmfree --help` to see what they do.'],
    [
      ['tak'],
      'unknown-command',
      "unknown command 'tak'",
      'Did you mean take? Run `mmfree --help` to see what there is.',
    ],
    [
      ['take'],
      'missing-argument',
      "missing required argument 'image'",
      'Run `mmfree take --help` to see what there is.',
    ],
    [['take', 'a'], 'missing-option', '-o, --output <file> is missing', 'Add -o, --output <file>.'],
    [
      ['take', 'a', '-o'],
      'missing-value',
      "option '-o, --output <file>' argument missing",
      'Run `mmfree take --help` to see what there is.',
    ],
    [
      ['take', 'a', '-o', 'x', '--backends', 'cpu'],
      'unknown-option',
      "unknown option '--backends'",
      'Did you mean --backend? Run `mmfree take --help` to see what there is.',
    ],
    [
      // By its letters it is nearer to --help.
      ['take', 'a', '-o', 'x', '--max', '5'],
      'unknown-option',
      "unknown option '--max'",
      'Did you mean --max-tokens? Run `mmfree take --help` to see what there is.',
    ],
    [
      ['take', 'a', 'once', 'upon', '-o', 'x'],
      'too-many-arguments',
      "too many arguments for 'take'. Expected 2 arguments but got 3",
      'Run `mmfree take --help` to see what there is.',
    ],
    [['take', 'a', '-o', 'x', '--max-tokens', '0'], 'bad-value', '--max-tokens is "0"', 'For example: --max-tokens 5'],
    [['take', '', '-o', 'x'], 'bad-value', '<image> is ""', 'For example: ./file'],
  ])('teach when they are wrong: %j', async (argv, code, message, fix) => {
    const human = await new FakeProcess().run([command()], ...argv);
    expect([human.exit, human.stdout.text]).toEqual([2, '']);
    expect(human.stderr.lines).toEqual([`error: ${message}`, expect.stringMatching(/^cause: .+/), `fix:   ${fix}`]);

    const json = await new FakeProcess().run([command()], ...argv, '--json');
    expect([json.exit, json.stderr.text]).toEqual([2, '']);
    expect(json.events()).toEqual([
      { type: 'hello', command: argv[0] === 'take' ? 'take' : null, version: VERSION },
      { type: 'result', exit: 2, error: expect.objectContaining({ code, message, fix }) },
    ]);
    expect(inputs).toEqual([]);
  });
});

describe('a group of commands', () => {
  const group = { name: 'gate', summary: 'work in a group', commands: [idle] };

  it('is listed, and lists its own', async () => {
    expect((await new FakeProcess().run([group], '--help')).stdout.text).toMatch(/gate +work in a group\n/);
    for (const argv of [
      ['gate', '--help'],
      ['help', 'gate'],
    ]) {
      const { exit, stdout } = await new FakeProcess().run([group], ...argv);
      expect([exit, stdout.text]).toEqual([0, expect.stringMatching(/^ {2}work +do some work$/m)]);
    }
    const { stdout } = await new FakeProcess().run([group], 'gate', 'work', '--help');
    expect(stdout.text).toContain('Examples:\n  mmfree work now');
  });

  it('runs the command that is named behind it, which JSON names with it', async () => {
    const words: unknown[] = [];
    const command = workCommand(async (_, word) => void words.push(word));
    const { exit, events } = await new FakeProcess().run(
      [{ ...group, commands: [command] }],
      'gate',
      'work',
      'x',
      '--json',
    );
    expect([exit, words]).toEqual([0, ['x']]);
    expect(events()[0]).toEqual({ type: 'hello', command: 'gate work', version: VERSION });
  });

  it.each([
    [['gate'], 'gate', 'no command given behind gate', 'Run `mmfree gate --help` to see what they do.'],
    [['gate', 'wor'], 'gate', "unknown command 'wor'", expect.stringContaining('Did you mean work?')],
    [
      ['gate', 'work', '--x'],
      'gate work',
      "unknown option '--x'",
      'Run `mmfree gate work --help` to see what there is.',
    ],
  ])('teaches when it is wrong: %j', async (argv, command, message, fix) => {
    const { exit, events } = await new FakeProcess().run([group], ...argv, '--json');
    expect(exit).toBe(2);
    expect(events()).toEqual([
      { type: 'hello', command, version: VERSION },
      { type: 'result', exit: 2, error: expect.objectContaining({ message, fix }) },
    ]);
  });
});

describe('runProgram', () => {
  it('lists the commands in its help and does nothing else', async () => {
    const { exit, stdout, stderr } = await new FakeProcess().run([idle], '--help');
    expect([exit, stderr.text]).toEqual([0, '']);
    expect(stdout.text).toMatch(/^ {2}work +do some work$/m);
  });

  it.each([[['help', 'work']], [['work', '--help']]])('shows the options of a command: %j', async (argv) => {
    const { exit, stdout } = await new FakeProcess().run([idle], ...argv);
    expect(exit).toBe(0);
    for (const part of ['-n, --tokens <n>', '--json', 'Examples:\n  mmfree work now'])
      expect(stdout.text).toContain(part);
  });

  it('says in words alone what an option means without a value', async () => {
    const { stdout } = await new FakeProcess().run(
      [
        {
          name: 'serve',
          summary: 'serve',
          load: async () =>
            defineCommand({
              parameters: { port: optionWithPreset('--port [n]', 'a port (without a value: 3240)', text, '3240') },
              load: async () => async () => {},
            }),
        },
      ],
      'serve',
      '--help',
    );
    expect(stdout.text).toMatch(/^ {2}--port \[n\] +a port \(without a value: 3240\)$/m);
  });

  it('shows its version', async () => {
    const { exit, stdout } = await new FakeProcess().run([idle], '--version');
    expect([exit, stdout.text]).toEqual([0, `${VERSION}\n`]);
  });

  it('loads the declaration of a command where it is named, and of no other', async () => {
    const loaded: string[] = [];
    const spec = defineCommand({ parameters: {}, load: async () => async () => {} });
    const named = (name: string): NamedCommand => ({
      name,
      summary: name,
      load: async () => {
        loaded.push(name);
        return spec;
      },
    });
    const commands = [named('a'), { name: 'group', summary: 'a group', commands: [named('b')] }, named('c')];
    for (const [argv, names] of [
      [['--help'], []],
      [['no-such-command'], []],
      [['group', '--help'], []],
      [['--json', 'a'], ['a']],
      [['a', '--help'], ['a']],
      [['help', 'c'], ['c']],
      [['group', 'b'], ['b']],
      [['b'], []],
    ] as const) {
      await new FakeProcess().run(commands, ...argv);
      expect([argv, loaded.splice(0)]).toEqual([argv, names]);
    }
  });

  it('loads the work of no command for the help', async () => {
    const spec = defineCommand({
      parameters: {},
      load: async () => {
        throw new Error('loaded');
      },
    });
    const command = { name: 'heavy', summary: 'load a lot', load: async () => spec };
    expect((await new FakeProcess().run([command], 'heavy', '--help')).exit).toBe(0);
    expect((await new FakeProcess().run([command], 'heavy')).exit).toBe(1);
  });

  it('prints the answer on stdout and remarks on stderr', async () => {
    const command = workCommand(async ({ output }) => {
      output.note('with the CPU');
      output.print('Once');
      output.event('token', { text: 'Once' });
      output.print(' upon\n');
      output.result({ tokens: 2 });
    });
    const { exit, stdout, stderr } = await new FakeProcess().run([command], 'work');
    expect([exit, stdout.text, stderr.text]).toEqual([0, 'Once upon\n', 'with the CPU\n']);
  });

  it.each([[['--json', 'work']], [['work', '--json']]])('prints JSON Lines for %j', async (argv) => {
    const command = workCommand(async ({ output }) => {
      output.note('with the CPU');
      output.print('Once');
      output.event('token', { text: 'Once' });
      output.result({ tokens: 1, first_mismatch: undefined });
      output.result({ ok: true });
    });
    const { exit, stderr, events } = await new FakeProcess().run([command], ...argv);
    expect([exit, stderr.text]).toEqual([0, '']);
    expect(events()).toEqual([
      { type: 'hello', command: 'work', version: VERSION },
      { type: 'note', text: 'with the CPU' },
      { type: 'token', text: 'Once' },
      { type: 'result', tokens: 1, ok: true, exit: 0 },
    ]);
  });

  const failing = workCommand(async ({ output }) => {
    output.result({ tokens: 7 });
    throw checkpointError;
  });

  it('says what happened, why and what to do', async () => {
    const { exit, stdout, stderr } = await new FakeProcess().run([failing], 'work');
    expect([exit, stdout.text]).toEqual([6, '']);
    expect(stderr.lines).toEqual([
      'error: there is no folder x',
      'cause: The path does not exist.',
      'fix:   Give another folder.',
    ]);
  });

  it('puts the error into the result, beside what was found until then', async () => {
    const { exit, events } = await new FakeProcess().run([failing], 'work', '--json');
    expect([exit, events().at(-1)]).toEqual([
      6,
      {
        type: 'result',
        tokens: 7,
        exit: 6,
        error: {
          code: 'checkpoint-not-found',
          message: 'there is no folder x',
          cause: 'The path does not exist.',
          fix: 'Give another folder.',
          facts: { file: 'x' },
        },
      },
    ]);
  });

  it('calls what it does not know a mistake of its own, with a stack on request', async () => {
    const command = workCommand(() => Promise.reject(new RangeError('index 7')));
    const quiet = await new FakeProcess().run([command], 'work');
    expect([quiet.exit, quiet.stderr.lines[0], quiet.stderr.lines[2]]).toEqual([
      1,
      'error: index 7',
      expect.stringContaining('MMFREE_DEBUG=1'),
    ]);
    expect(quiet.stderr.text).not.toContain('program.test.ts');
    const debug = await new FakeProcess({ env: { MMFREE_DEBUG: '1' } }).run([command], 'work');
    expect(debug.stderr.text).toContain('program.test.ts');
  });

  it('reports an error that nobody caught', async () => {
    const fake = new FakeProcess();
    const command = workCommand(async () => {
      fake.crash(new Error('in a callback'));
      await new Promise(() => {});
    });
    const { exit, events } = await fake.run([command], 'work', '--json');
    expect([exit, events().at(-1)]).toMatchObject([1, { exit: 1, error: { message: 'in a callback' } }]);
  });
});

describe('--quiet and --verbose', () => {
  const talking = workCommand(async ({ output }) => {
    output.note('a remark');
    output.detail('a detail');
    output.progress({ label: 'work', unit: 'bytes', total: 2 }).end();
    output.print('the answer\n');
    throw checkpointError;
  });
  const said = async (...options: string[]): Promise<string[]> => {
    const { stdout, stderr } = await new FakeProcess({ terminal: true, env: { NO_COLOR: '1' } }).run([talking], 'work', ...options); // prettier-ignore
    expect(stdout.text).toBe('the answer\n');
    return stderr.lines;
  };

  it.each([
    [[], ['a remark', 'error: there is no folder x']],
    [['--quiet'], ['error: there is no folder x']],
    [['-v'], [`mmfree ${VERSION}, Node ${process.version}`, 'a remark', 'a detail', 'error: there is no folder x']],
  ])('say less and more: %j', async (options, expected) => {
    const lines = (await said(...options)).filter((line) => !/^(?:cause|fix):/.test(line));
    expect(lines).toHaveLength(expected.length);
    expected.forEach((part, index) => expect(lines[index]).toContain(part));
  });

  it.each([
    [['-q'], ['hello', 'result']],
    [[], ['hello', 'note', 'progress', 'result']],
    [['--verbose'], ['hello', 'detail', 'note', 'detail', 'progress', 'result']],
  ])('hold for programs too: %j', async (options, types) => {
    const { events } = await new FakeProcess().run([talking], 'work', '--json', ...options);
    expect(events().map(({ type }) => type)).toEqual(types);
  });

  it('exclude each other', async () => {
    const { exit, stderr } = await new FakeProcess().run([idle], 'work', '-q', '-v');
    expect([exit, stderr.lines[0]]).toEqual([2, 'error: --quiet and --verbose exclude each other']);
  });
});

describe('Ctrl-C', () => {
  it.each<[string, (context: CommandContext) => Promise<void>]>([
    ['throws', async ({ signal }) => signal.throwIfAborted()],
    ['ends early', async () => {}],
  ])('ends with exit code 130 when the command %s', async (_title, work) => {
    const fake = new FakeProcess();
    const command = workCommand(async (context) => {
      fake.interrupt();
      expect(context.signal.aborted).toBe(true);
      await work(context);
    });
    const { exit, stdout, stderr } = await fake.run([command], 'work');
    expect([exit, stdout.text, stderr.text]).toEqual([130, '', 'interrupted\n']);
  });

  it.each([
    ['does not wait for a command', false],
    ['waits for a command that asked for time', true],
  ])('%s', async (_title, asks) => {
    const fake = new FakeProcess({ graceMs: 0 });
    let isSaved = false;
    const command = workCommand(async ({ output, signal, takeTimeToEnd }) => {
      if (asks) takeTimeToEnd(60_000);
      fake.interrupt();
      expect(signal.aborted).toBe(true);
      // After the timer of whoever does not wait.
      await sleep(5);
      isSaved = true;
      output.result({ saved: true });
    });
    const { exit, events } = await fake.run([command], '--json', 'work');
    expect([exit, isSaved, events().at(-1)?.['saved']]).toEqual([130, asks, asks ? true : undefined]);
  });

  it('is heard before a command begins, whose modules have just been read', async () => {
    const fake = new FakeProcess();
    let hasBegun = false;
    const spec = defineCommand({
      parameters: {},
      load: async () => {
        fake.interrupt();
        return async () => void (hasBegun = true);
      },
    });
    const command: NamedCommand = { name: 'work', summary: 'do some work', load: async () => spec };
    expect([(await fake.run([command], 'work')).exit, hasBegun]).toEqual([130, false]);
  });

  it('does not hide an error', async () => {
    const fake = new FakeProcess();
    const command = workCommand(async () => {
      fake.interrupt();
      throw checkpointError;
    });
    expect((await fake.run([command], 'work')).exit).toBe(6);
  });
});

describe('an output that is lost', () => {
  it('ends the command without a word when nobody reads any more', async () => {
    const fake = new FakeProcess();
    const command = workCommand(async ({ output, signal }) => {
      fake.stdout.fail('EPIPE');
      output.print('Once');
      signal.throwIfAborted();
    });
    const { exit, stderr } = await fake.run([command], 'work');
    expect([exit, stderr.text]).toEqual([130, '']);
  });

  it('does not change the end of a command that was done', async () => {
    const fake = new FakeProcess();
    const command = workCommand(async () => fake.stdout.fail('EPIPE'));
    expect((await fake.run([command], 'work', '--json')).exit).toBe(0);
  });

  it.each([[['work']], [['work', '--json']]])('never looks like success on a full disk: %j', async (argv) => {
    const fake = new FakeProcess();
    const command = workCommand(async ({ output }) => {
      fake.stdout.fail('ENOSPC');
      output.print('Once');
    });
    const { exit, stderr } = await fake.run([command], ...argv);
    expect([exit, stderr.lines[0]]).toEqual([8, 'error: the output: out of order']);
  });
});

describe('a terminal', () => {
  it('gets what is too long for a line between words, beside its label, and others as it is', async () => {
    const long = (word: string): string => Array.from({ length: 25 }, () => word).join(' ');
    const command = workCommand(async ({ output }) => {
      output.printLines([`name  ${long('fact')}`], 6);
      output.note(long('note'));
      throw new CheckpointError('checkpoint-not-found', long('what'), {
        reason: long('why'),
        fix: long('how'),
        facts: {},
      });
    });
    const narrow = await new FakeProcess({ terminal: true, env: { NO_COLOR: '1' } }).run([command], 'work');
    const [first = '', second = ''] = narrow.stdout.lines;
    expect([first.length, second.slice(0, 10)]).toEqual([80, '      fact']);
    expect(narrow.stderr.lines.filter((line) => line.length > 80)).toEqual([]);
    expect(narrow.stderr.lines.map((line) => line.slice(0, 10))).toEqual([
      'note note ',
      'note note ',
      'error: wha',
      '       wha',
      'cause: why',
      '       why',
      'fix:   how',
      '       how',
    ]);
    const piped = await new FakeProcess().run([command], 'work');
    expect([piped.stdout.lines.length, piped.stderr.lines.length]).toEqual([1, 4]);
  });

  it('shows an error in colour, unless NO_COLOR is set', async () => {
    const command = workCommand(() => Promise.reject(checkpointError));
    const coloured = await new FakeProcess({ terminal: true }).run([command], 'work');
    expect(coloured.stderr.lines[0]).toBe('\u001b[31merror:\u001b[0m there is no folder x');
    const plain = await new FakeProcess({ terminal: true, env: { NO_COLOR: '1' } }).run([command], 'work');
    expect(plain.stderr.lines[0]).toBe('error: there is no folder x');
  });

  it('is safe from escape sequences in the text of a model', async () => {
    const command = workCommand(async ({ output }) => output.print('a\u001b]0;title\u0007\u009b2J\tb\r\n'));
    const safe = await new FakeProcess({ terminal: true }).run([command], 'work');
    expect(safe.stdout.text).toBe('a\ufffd]0;title\ufffd\ufffd2J\tb\ufffd\n');
    const file = await new FakeProcess().run([command], 'work');
    expect(file.stdout.text).toBe('a\u001b]0;title\u0007\u009b2J\tb\r\n');
  });

  it('gets a remark on a line of its own', async () => {
    const command = workCommand(async ({ output }) => {
      output.print('Once upon');
      output.note('stopped');
    });
    const { stdout, stderr } = await new FakeProcess({ terminal: true }).run([command], 'work');
    expect([stdout.text, stderr.text]).toEqual(['Once upon\n', 'stopped\n']);
  });

  const busy = (fake: FakeProcess): NamedCommand =>
    workCommand(async ({ output }) => {
      const progress = output.progress({ label: 'pack', unit: 'bytes', total: 100 });
      for (fake.nowMs = 0; fake.nowMs <= 100; fake.nowMs += 10) progress.update(fake.nowMs / 2);
    });

  it('shows a progress bar and takes it away at the end', async () => {
    const fake = new FakeProcess({ terminal: true });
    const { stdout, stderr } = await fake.run([busy(fake)], 'work');
    expect(stdout.text).toBe('');
    expect(stderr.text.split('\u001b[K')).toEqual([
      expect.stringMatching(/^\rpack {3}0 % \[ +\] .*$/),
      expect.stringMatching(/^\rpack {2}50 % \[#+ +\] .* 500 B\/s {2}0:01 left$/),
      '\r',
      '',
    ]);
  });

  it.each([
    ['is not there', {}],
    ['is dumb', { terminal: true, env: { TERM: 'dumb' } }],
  ])('gets no progress bar when it %s', async (_title, settings) => {
    const fake = new FakeProcess(settings);
    expect((await fake.run([busy(fake)], 'work')).stderr.text).toBe('');
  });

  it('leaves progress to events with --json', async () => {
    const fake = new FakeProcess({ terminal: true });
    const { stderr, events } = await fake.run([busy(fake)], 'work', '--json');
    expect(stderr.text).toBe('');
    expect(events().slice(1, -1)).toEqual([
      { type: 'progress', label: 'pack', unit: 'bytes', total: 100, done: 0 },
      { type: 'progress', label: 'pack', unit: 'bytes', total: 100, done: 50, per_second: 500, seconds_left: 0.1 },
    ]);
  });
});
