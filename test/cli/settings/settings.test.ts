/** Options from the environment and from the file of settings. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../cli/commands.js';
import {
  defineCommand,
  flag,
  option,
  optionWithDefault,
  optionWithPreset,
  repeatedOption,
  requiredOption,
  type NamedCommand,
} from '../../../cli/command.js';
import { configurationPath } from '../../../cli/settings/configuration-path.js';
import { declareAll, optionsBySetting } from '../../../cli/declarations.js';
import { integer, oneOf, path as pathOption, text } from '../../../cli/options.js';
import { declaredOptions, environmentName, settingName } from '../../../cli/settings/settings.js';
import { temporaryFolder } from '../../helpers/command-line.js';
import { FakeProcess, type FakeRun } from '../../helpers/fake-host.js';

const path = temporaryFolder();
const inputs: unknown[] = [];
let again: () => Promise<unknown>;
const COMMAND: NamedCommand = {
  name: 'work',
  summary: 'do some work',
  load: async () =>
    defineCommand({
      parameters: {
        output: requiredOption('-o, --output <file>', 'a file', pathOption),
        maxTokens: optionWithDefault('--max-tokens <n>', 'a number', integer({ min: 1, max: 9, example: 5 }), 3),
        board: option('--board <name>', 'a board', text, { excludes: ['backend'] }),
        backend: option('--backend <name>', 'a name', oneOf(['cpu', 'gpu']), { excludes: ['board'] }),
        stop: repeatedOption('--stop <text>', 'a text', text),
        config: option('--config <file>', 'a file', pathOption, { holdsSettings: true }),
        usbip: optionWithPreset('--usbip [port]', 'a port', text, '3240'),
        check: flag('--check', 'a switch'),
      },
      load: async () => async (input, _, readAgain) => {
        inputs.push(input);
        again = readAgain;
      },
    }),
};
const DEFAULTS = { output: 'x', maxTokens: 3, board: undefined, backend: undefined, config: undefined, stop: [], usbip: undefined, check: false }; // prettier-ignore

let count = 0;

/** @param file of settings, as an object or as it is */
async function run(env: Record<string, string>, file: unknown, ...argv: string[]): Promise<FakeRun & { path: string }> {
  const folder = path(`config-${count++}`);
  mkdirSync(`${folder}/mmfree`, { recursive: true });
  const config = `${folder}/mmfree/config.json`;
  if (file !== undefined) writeFileSync(config, typeof file === 'string' ? file : JSON.stringify(file));
  const fake = new FakeProcess({ env: { XDG_CONFIG_HOME: folder, ...env } });
  return { ...(await fake.run([COMMAND], ...argv)), path: config };
}

describe('options that are not given', () => {
  it.each<[string, Record<string, string>, unknown, readonly string[], object]>([
    [
      'come from the environment',
      { MMFREE_MAX_TOKENS: '7', MMFREE_STOP: '.', MMFREE_CHECK: '1' },
      undefined,
      [],
      { maxTokens: 7, stop: ['.'], check: true },
    ],
    [
      'come from the file',
      {},
      { 'max-tokens': 7, stop: ['.', '!'], check: true, usbip: true },
      [],
      { maxTokens: 7, stop: ['.', '!'], check: true, usbip: '3240' },
    ],
    ['may be text in the file', {}, { 'max-tokens': '7', usbip: '99' }, [], { maxTokens: 7, usbip: '99' }],
    [
      'count from the environment before the file',
      { MMFREE_MAX_TOKENS: '7', MMFREE_CHECK: '0' },
      { 'max-tokens': 8, check: true },
      [],
      { maxTokens: 7 },
    ],
    [
      'count from the command line before both',
      { MMFREE_MAX_TOKENS: '7' },
      { 'max-tokens': 8, stop: ['a'] },
      ['--max-tokens', '9', '--stop', 'b'],
      { maxTokens: 9, stop: ['b'] },
    ],
    ['are none if the variable is empty', { MMFREE_MAX_TOKENS: '', MMFREE_CHECK: '' }, undefined, [], {}],
    ['are set aside by what excludes them', { MMFREE_BOARD: 'a' }, undefined, ['--backend', 'cpu'], { backend: 'cpu' }],
    ['are set aside in the file by the environment', { MMFREE_BACKEND: 'gpu' }, { board: 'a' }, [], { backend: 'gpu' }],
    [
      'are left to the work if one layer has both',
      { MMFREE_BOARD: 'a', MMFREE_BACKEND: 'gpu' },
      undefined,
      [],
      { board: 'a', backend: 'gpu' },
    ],
  ])('%s', async (_title, env, file, argv, expected) => {
    const { exit, stderr } = await run(env, file, 'work', '-o', 'x', ...argv);
    expect([exit, stderr.text, inputs.pop()]).toEqual([0, '', { ...DEFAULTS, ...expected }]);
  });

  it('may be those that must be given', async () => {
    expect((await run({ MMFREE_OUTPUT: 'from there' }, undefined, 'work')).exit).toBe(0);
    expect(inputs.pop()).toMatchObject({ output: 'from there' });
  });

  it('may say how much is said, and for whom', async () => {
    const { events } = await run({ MMFREE_JSON: '1' }, { verbose: true }, 'work', '-o', 'x');
    expect(events().map(({ type }) => type)).toEqual(['hello', 'detail', 'detail', 'detail', 'detail', 'result']);
    const { events: fromFile } = await run({}, { json: true }, 'work', '-o', 'x');
    expect(fromFile().map(({ type }) => type)).toEqual(['hello', 'result']);
  });
});

describe('a wrong setting', () => {
  it.each<[string, Record<string, string>, unknown, string, string]>([
    [
      'in the environment',
      { MMFREE_MAX_TOKENS: '10' },
      undefined,
      'MMFREE_MAX_TOKENS is "10"',
      'a whole number from 1 to 9',
    ],
    ['for a switch', { MMFREE_CHECK: 'maybe' }, undefined, 'MMFREE_CHECK is "maybe"', 'one of true, 1, false, 0'],
    ['in the file', {}, { 'max-tokens': 10 }, 'FILE: "max-tokens" is "10"', 'a whole number from 1 to 9'],
    ['of a wrong kind', {}, { board: {} }, 'FILE: "board" is "{}"', 'text or a number'],
    ['that is null', {}, { check: null }, 'FILE: "check" is "null"', 'true or false'],
    ['that is a list', {}, { board: ['a'] }, 'FILE: "board" is "[\\"a\\"]"', 'text or a number'],
    ['that is a switch where a value is meant', {}, { board: true }, 'FILE: "board" is "true"', 'text or a number'],
    ['that does not exist', {}, { 'max-token': 1 }, 'FILE cannot be used: there is no setting "max-token"', 'ignored'],
    ['called as in code', {}, { maxTokens: 1 }, 'FILE cannot be used: there is no setting "maxTokens"', 'ignored'],
    ['called __proto__', {}, '{"__proto__": 1}', 'FILE cannot be used: there is no setting "__proto__"', 'ignored'],
    ['that is no JSON', {}, '{"a": }', 'FILE cannot be used: it is not JSON', 'ignored'],
    ['that is no object', {}, '[]', 'FILE cannot be used: it is not a JSON object', 'ignored'],
  ])('is refused %s', async (_title, env, file, message, cause) => {
    const { exit, stdout, stderr, path: config } = await run(env, file, 'work', '-o', 'x');
    expect([exit, stdout.text]).toEqual([2, '']);
    expect(stderr.lines[0]).toContain(`error: ${message.replace('FILE', config)}`);
    expect(stderr.lines[1]).toContain(cause);
    // Help is what one needs then.
    expect((await run(env, file, 'work', '--help')).exit).toBe(0);
  });
});

it('the help of a command lists both names of each of its options', async () => {
  const { stdout, path: config } = await run({}, undefined, 'work', '--help');
  for (const name of [
    'output',
    'max-tokens',
    'board',
    'backend',
    'stop',
    'usbip',
    'check',
    'json',
    'quiet',
    'verbose',
  ]) {
    expect(stdout.text).toMatch(new RegExp(`\\b${environmentName(name)}\\b`));
    expect(stdout.text.split(config)[1]).toMatch(new RegExp(`\\b${name}\\b`));
  }
  expect(
    Math.max(...stdout.lines.filter((line) => !line.includes(config)).map(({ length }) => length)),
  ).toBeLessThanOrEqual(80);
});

describe('the file', () => {
  it.each<[string, Record<string, string>, string | undefined, string | undefined]>([
    ['is that of XDG_CONFIG_HOME', { XDG_CONFIG_HOME: '/c', HOME: '/h' }, '/p', '/c/mmfree/config.json'],
    ['is not that of a relative one', { XDG_CONFIG_HOME: 'c', HOME: '/h' }, '/p', '/h/.config/mmfree/config.json'],
    ['is in HOME', { HOME: '/h' }, '/p', '/h/.config/mmfree/config.json'],
    ['is in the home that the system knows', {}, '/p', '/p/.config/mmfree/config.json'],
    ['is none for a user that the system does not know', {}, undefined, undefined],
  ])('%s', (_title, env, home, expected) => {
    expect(configurationPath(env, () => home)).toBe(expected);
  });
});

/** Options that have one meaning in several commands, which each describe it in their words. */
const SAME_MEANING: ReadonlySet<string> = new Set(['backend', 'checkpoint', 'dry-run', 'image', 'key-file']);

it('one name means one thing, else it has the command in front', async () => {
  const declarations = await declareAll(COMMANDS);
  for (const [name, options] of optionsBySetting(declarations)) {
    const meanings = new Set(options.map(({ flags, description }) => `${flags} ${description}`));
    const kinds = new Set(options.map(({ flags }) => flags));
    expect([name, SAME_MEANING.has(name) ? kinds.size : meanings.size]).toEqual([name, 1]);
  }
  const names = declarations.flatMap(({ name, command }) =>
    declaredOptions(command).map(({ key }) => `${key} ${settingName(name, key)}`),
  );
  expect(names).toContain('board board');
  expect(names).toContain('board gateware-build-board');
});

describe('a file of the settings of one command', () => {
  const own = (content: unknown): string => {
    const file = path(`own-${count++}.json`);
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };

  it('counts behind the command line and the environment, and before the file of all', async () => {
    const file = own({ output: 'own', 'max-tokens': 4, stop: ['a', 'b'], board: 'own' });
    const argv = ['work', '--config', file, '--stop', 'c'];
    expect((await run({ MMFREE_MAX_TOKENS: '5' }, { board: 'all', check: true }, ...argv)).exit).toBe(0);
    expect(inputs.pop()).toEqual({ ...DEFAULTS, output: 'own', config: file, maxTokens: 5, stop: ['c'], board: 'own', check: true }); // prettier-ignore
  });

  it('may be named by the environment', async () => {
    const file = own({ output: 'own' });
    expect((await run({ MMFREE_CONFIG: file }, undefined, 'work')).exit).toBe(0);
    expect(inputs.pop()).toMatchObject({ output: 'own', config: file });
  });

  it('is read again with the same command line', async () => {
    const file = own({ output: 'own', 'max-tokens': 4 });
    await run({}, undefined, 'work', '--config', file, '--stop', 'a', '--stop', 'b', '--check');
    expect(inputs.pop()).toMatchObject({ output: 'own', maxTokens: 4, stop: ['a', 'b'], check: true });
    writeFileSync(file, JSON.stringify({ output: 'other', stop: ['z'], usbip: true }));
    expect(await again()).toEqual({ ...DEFAULTS, output: 'other', config: file, stop: ['a', 'b'], usbip: '3240', check: true }); // prettier-ignore
    writeFileSync(file, '{"output": 1');
    await expect(again()).rejects.toMatchObject({ code: 'bad-configuration' });
    writeFileSync(file, '{}');
    await expect(again()).rejects.toMatchObject({ code: 'missing-option' });
  });

  it.each([
    ['names what is no option', { outputs: 'x' }, 'there is no setting "outputs"'],
    ['names itself', { config: 'x' }, 'there is no setting "config"'],
    ['has a bad value that the command line sets aside', { output: '' }, '"output" is ""'],
    ['is none', '[]', 'it is not a JSON object'],
  ])('is refused where it %s', async (_, content, message) => {
    const { exit, stderr } = await run({}, undefined, 'work', '-o', 'x', '--config', own(content));
    expect([exit, stderr.text]).toEqual([2, expect.stringContaining(message)]);
  });
});
