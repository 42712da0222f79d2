/** `run --save-state` and `--load-state`: a text that is cut anywhere goes on as if it had not been. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BoardSession } from '../../../device/session.js';
import { CHARACTER_OF_BYTE } from '../../../model/text/byte-level.js';
import { decodeState, encodeState, type SavedState } from '../../../protocol/state/state-file.js';
import {
  COMMANDS,
  mmfree,
  mmfreeJson,
  startBoard,
  temporaryFolder,
  type RunningBoard,
} from '../../helpers/command-line.js';
import { count } from '../../helpers/counts.js';
import { FakeProcess } from '../../helpers/fake-host.js';
import { goodImageOf } from '../../helpers/good-image.js';
import { crc32 } from '../../oracle/crc32.js';
import { TINY_SHAPE, tinySections } from '../../helpers/tiny-image.js';
import {
  changed,
  mistralStyleTokenizer,
  talesTokenizer,
  toBytes,
  type TokenizerJson,
} from '../../helpers/tokenizers.js';

const path = temporaryFolder();

/** A byte-level tokenizer without a merge: a token for each byte, and one for the end. */
function bareByteLevel(): TokenizerJson {
  const tokens = ['<|endoftext|>', ...Object.values(CHARACTER_OF_BYTE)];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  return changed(changed(talesTokenizer(), ['model', 'vocab'], vocab), ['model', 'merges'], []);
}

/** @param seed of the weights, and so another image */
function imageWith(
  seed: number,
  tokenizer: TokenizerJson | undefined,
  vocabSize: number,
  ...ends: number[]
): Uint8Array {
  const several = ends.length > 1 && { eosTokenIds: ends };
  const shape = { ...TINY_SHAPE, vocabSize, bosTokenId: 1, eosTokenId: ends.at(-1)!, ...several };
  const sections = tinySections(seed, shape);
  return goodImageOf(sections, { tokenizer: tokenizer === undefined ? new Uint8Array(0) : toBytes(tokenizer) });
}

beforeAll(async () => {
  await writeFile(path('byte-level'), imageWith(1, bareByteLevel(), 257, 0));
  await writeFile(path('byte-fallback'), imageWith(1, mistralStyleTokenizer(), 320, 2));
  await writeFile(path('other'), imageWith(2, mistralStyleTokenizer(), 320, 2));
  await writeFile(path('ends'), imageWith(1, undefined, 64, 8, 21, 40, 63));
});

const HOT = ['--temperature', '10', '--top-k', '64'];
const PROMPT = 'the 🦊é';
const TOKENS = 30;
const on = (image: string, backend = 'reference'): string[] => ['--backend', backend, '--image', path(image)];
const most = (tokens: number): string[] => ['--max-tokens', String(tokens)];
const saveTo = (name: string): string[] => ['--save-state', path(name)];
const loadFrom = (name: string): string[] => ['--load-state', path(name)];
const stateIn = (name: string): SavedState => decodeState(readFileSync(path(name)));

/** What is printed. */
async function textOf(...argv: string[]): Promise<string> {
  const { exit, stdout, stderr } = await mmfree('run', '--quiet', ...argv);
  expect([exit, stderr.text]).toEqual([0, '']);
  return stdout.text;
}

/** Index, id, text and receipt of each token. */
async function tokensOf(...argv: string[]): Promise<unknown[]> {
  const { exit, events } = await mmfreeJson('run', ...argv);
  expect(exit).toBe(0);
  return events.filter(({ type }) => type === 'token');
}

describe.each([
  ['byte-level', 66],
  ['byte-fallback', 264],
])('a text of a %s tokenizer', (name, seed) => {
  const begin = [...HOT, '--seed', String(seed)];

  it('goes on after every token as if it had not stopped', async () => {
    const plain = await textOf(...on(name), ...begin, ...most(TOKENS), PROMPT);
    const made = Array.from(plain.slice(PROMPT.length, -1));
    expect(made.filter((character) => character > '\x7f' && character !== '\ufffd')).not.toEqual([]);
    // Two that begin and are never complete, and one at the end.
    const stops = [`${made[3]}☃`, `${made[9]}${made[10]}☃`, made.slice(-3).join('')];
    const options = [...on(name), ...stops.flatMap((stop) => ['--stop', stop])];
    const text = await textOf(...begin, ...options, ...most(TOKENS), PROMPT);
    const tokens = await tokensOf(...begin, ...options, ...most(TOKENS), PROMPT);
    const held = { text: 0, run: 0 };
    const cuts = Array.from({ length: tokens.length - 1 }, (_, before) => before + 1);
    for (const cut of cuts) {
      const first = [...begin, ...options, ...most(cut), ...saveTo('cut'), PROMPT];
      const second = [...options, ...loadFrom('cut'), ...most(TOKENS - cut)];
      const both = (await textOf(...first)) + (await textOf(...second));
      expect([cut, both]).toEqual([cut, text]);
      const { held: kept } = stateIn('cut');
      held.text += kept!.text.length;
      held.run += kept!.run.length;
    }
    for (const cut of cuts.filter((tokensBefore) => tokensBefore % count(7, 1) === 0)) {
      const before = await tokensOf(...begin, ...options, ...most(cut), ...saveTo('cut'), PROMPT);
      const after = await tokensOf(...options, ...loadFrom('cut'), ...most(TOKENS - cut));
      expect([...before, ...after]).toEqual(tokens);
    }
    // Both kinds of what is held back were in some state.
    expect([held.text > 0, held.run > 0]).toEqual([true, true]);
  });

  it('goes on in one file, a token at a time', async () => {
    let text = await textOf(...on(name), ...begin, ...most(1), ...saveTo('place'), PROMPT);
    for (let token = 2; token < 12; token++) {
      text += await textOf(...on(name), ...loadFrom('place'), ...saveTo('place'), ...most(1));
    }
    text += await textOf(...on(name), ...loadFrom('place'), ...most(1));
    expect(text).toBe(await textOf(...on(name), ...begin, ...most(12), PROMPT));
    expect(stateIn('place').tokens).toHaveLength(stateIn('place').state.position);
  });

  it('goes on behind a prompt as behind one that was there from the beginning', async () => {
    const greedy = [...on(name), '--temperature', '0'];
    await textOf(...greedy, ...most(3), ...saveTo('asked'), PROMPT);
    const more = [...loadFrom('asked'), ...most(4), ', the'];
    const tokens = [...(stateIn('asked').tokens ?? []), stateIn('asked').state.chosen];
    const asked = (await tokensOf(...greedy, ...more)).map((token) => ({ ...(token as object), index: 0, text: '' }));
    // Without a space in front, which a tokenizer gives to the beginning of a text only.
    const ids = await tokensOf(
      ...on(name),
      '--temperature',
      '0',
      '--ids',
      ...most(4),
      `${tokens.join(' ')} ${await idsOf(name, ', the')}`,
    );
    expect(asked).toEqual(ids.map((token) => ({ ...(token as object), index: 0, text: '' })));
    // What was held back is shown in front of it.
    const { run = new Uint8Array(0) } = stateIn('asked').held ?? {};
    const held = new TextDecoder().decode(run);
    expect(await textOf(...greedy, ...more)).toMatch(new RegExp(`^${held}, the`));
  });
});

/**
 * Ids of a text behind another one: what a state has that begins with both, less what one has that begins with the
 * first.
 */
async function idsOf(name: string, text: string): Promise<string> {
  const fed = async (prompt: string): Promise<number[]> => {
    await textOf(...on(name), ...most(1), ...saveTo('ids'), prompt);
    return Array.from(stateIn('ids').tokens ?? []);
  };
  const before = await fed('x');
  return (await fed(`x${text}`)).slice(before.length).join(' ');
}

it('ids go on too', async () => {
  const ids = [...on('ends'), '--ids'];
  const whole = await textOf(...ids, ...most(4), '1');
  const cut = await textOf(...ids, ...most(2), ...saveTo('ids'), '1');
  expect(cut + (await textOf(...ids, ...loadFrom('ids'), ...most(2)))).toBe(whole);
  expect(stateIn('ids').held).toBeUndefined();
});

describe('after an end token', () => {
  const ids = (...argv: string[]): string[] => [...on('ends'), '--ids', ...HOT, ...argv];

  it('a state says so and ends', async () => {
    const { result } = await mmfreeJson('run', ...ids(...saveTo('end'), '--max-tokens', '500', '1'));
    expect(result).toMatchObject({
      finish: 'end-of-text',
      saved_state: path('end'),
      position: Number(result['tokens']),
    });
    const { state } = stateIn('end');
    const again = await mmfreeJson('run', ...on('ends'), '--ids', ...loadFrom('end'), ...saveTo('end 2'));
    expect(again.result).toMatchObject({ exit: 0, tokens: 0, finish: 'end-of-text' });
    const text = `the text has ended, with token ${state.chosen}; give a prompt to go on behind it`;
    expect(again.events).toContainEqual({ type: 'note', text });
    expect(again.events.filter(({ type }) => type === 'token')).toEqual([]);
    expect(readFileSync(path('end 2'))).toEqual(readFileSync(path('end')));
  });

  it('goes on behind a prompt', async () => {
    await textOf(...ids(...saveTo('end'), '--max-tokens', '500', '1'));
    const { tokens, state } = stateIn('end');
    const more = [...on('ends'), '--ids', '--temperature', '0', ...most(2)];
    const receipts = (list: unknown[]): unknown[] => list.map((token) => (token as { receipt: string }).receipt);
    const whole = await tokensOf(...more, [...tokens!, state.chosen, 5, 6].join(' '));
    expect(receipts(await tokensOf(...more, ...loadFrom('end'), '5 6'))).toEqual(receipts(whole));
  });
});

describe('a stop string', () => {
  it('that had begun is none where a prompt follows', async () => {
    await textOf(...on('byte-level'), ...most(2), ...saveTo('begun'), 'x');
    const { held, ...rest } = stateIn('begun');
    const begun = { ...held!, text: Buffer.from('Us'), run: new Uint8Array(0) };
    await writeFile(path('begun'), encodeState({ ...rest, held: begun }));
    const text = await textOf(...on('byte-level'), ...loadFrom('begun'), ...most(1), '--stop', 'Use', 'e y');
    expect(text).toMatch(/^Use y/);
  });

  it('that was held back ends a text at once where it is named', async () => {
    await textOf(...on('byte-level'), ...most(2), ...saveTo('begun'), 'x');
    const { held, ...rest } = stateIn('begun');
    await writeFile(path('begun'), encodeState({ ...rest, held: { ...held!, text: Buffer.from('one. Two') } }));
    const stop = ['--stop', '.', ...saveTo('begun')];
    const { result } = await mmfreeJson('run', ...on('byte-level'), ...loadFrom('begun'), ...stop);
    expect(result).toMatchObject({ exit: 0, tokens: 0, finish: 'stop', position: rest.state.position });
    expect(Buffer.from(stateIn('begun').held!.text).toString()).toMatch(/^ Two/);
  });

  it('ends a text, which goes on behind it', async () => {
    const model = [...on('byte-level'), ...HOT, '--seed', '66'];
    const plain = await textOf(...model, ...most(TOKENS), 'x');
    const made = Array.from(plain.slice(1, -1));
    const at = made.findIndex(
      (character, index) => index > 4 && character < '\x7f' && made.indexOf(character) === index,
    );
    const stop = made[at]!;
    const before = await textOf(...model, ...most(TOKENS), '--stop', stop, ...saveTo('stop'), 'x');
    expect(before).toBe(`x${made.slice(0, at).join('')}\n`);
    const left = TOKENS - stateIn('stop').state.nextDraw;
    const after = await textOf(...on('byte-level'), ...loadFrom('stop'), ...most(left));
    expect(after).toBe(`${made.slice(at + 1).join('')}\n`);
  });
});

describe('the settings of a state', () => {
  const cut = [...HOT, '--top-p', '0.9', '--seed', '7', ...most(3)];

  it('hold, also against those for all commands, but not against options', async () => {
    await textOf(...on('byte-level'), ...cut, ...saveTo('hot'), PROMPT);
    const goOn = async (env: Record<string, string>, ...argv: string[]): Promise<string> => {
      const fake = new FakeProcess({ env });
      const model = [...on('byte-level'), ...loadFrom('hot'), ...saveTo('then'), ...most(6)];
      expect((await fake.run(COMMANDS, 'run', ...model, ...argv)).exit).toBe(0);
      return fake.stdout.text;
    };
    const text = await goOn({});
    expect(await goOn({ MMFREE_TEMPERATURE: '0', MMFREE_SEED: '9', MMFREE_TOP_K: '1', MMFREE_TOP_P: '0.1' })).toBe(
      text,
    );
    expect(stateIn('then').sampler).toEqual(stateIn('hot').sampler);
    expect(await goOn({}, '--seed', '8')).not.toBe(text);
    expect(stateIn('then').sampler).toEqual({ ...stateIn('hot').sampler, seedLow: 8 });
    await goOn({}, '--temperature', '0', '--top-k', '3');
    expect(stateIn('then').sampler).toEqual({ ...stateIn('hot').sampler, invTemperature: 0, topK: 3 });
  });
});

describe('a state is refused', () => {
  it.each<[string, (state: Buffer) => Uint8Array, string]>([
    ['that is damaged', (file) => file.fill(0, 140, 144), 'state-damaged'],
    ['with a flipped bit in its words', (file) => flipped(file, 131), 'state-damaged'],
    ['with a flipped bit in its head', (file) => flipped(file, 64), 'state-damaged'],
    ['that is cut', (file) => file.subarray(0, -9), 'state-damaged'],
    ['that is cut in its head', (file) => file.subarray(0, 100), 'state-damaged'],
    ['that is longer than any', (file) => Buffer.concat([file, Buffer.alloc(15_000_000)]), 'state-damaged'],
    ['that is none', () => Buffer.from('Once upon a time'), 'not-a-state'],
    ['of another format', (file) => file.fill(2, 4, 5), 'state-damaged'],
    ['of a later version, with right checksums', (file) => sealed(file.fill(2, 4, 5)), 'state-unsupported-version'],
    ['with a word that no text leads to', (file) => withU32(file, 128, 2 ** 30), 'state-impossible'],
    ['with the word −2³¹', (file) => withU32(file, 128, 2 ** 31), 'state-impossible'],
    ['with a state before the first token', (file) => withU32(file, 64, 0), 'state-impossible'],
    ['with other tokens than its position says', (file) => withU32(file, 64, 9), 'state-impossible'],
    ['with a token beyond the vocabulary', (file) => withU32(file, 72, 257), 'state-impossible'],
    ['with more draws than tokens', (file) => withU32(file, 76, 2 ** 32 - 1), 'state-impossible'],
    ['with a token that nobody drew', (file) => withU32(file, 76, 0), 'state-impossible'],
    ['with settings that are none', (file) => withU32(file, 80, 0), 'state-impossible'],
  ])('%s', async (_title, change, code) => {
    await textOf(...on('byte-level'), ...most(2), ...saveTo('good'), 'x');
    await writeFile(path('bad'), change(readFileSync(path('good'))));
    const { result } = await mmfreeJson('run', ...on('byte-level'), ...loadFrom('bad'), ...saveTo('never'));
    expect(result).toMatchObject({ exit: 6, error: { code, facts: { file: path('bad') } } });
    expect(existsSync(path('never'))).toBe(false);
    // What is no state is not taken for one.
    if (code === 'not-a-state') return;
    const inspected = await mmfreeJson('inspect', path('bad'));
    expect(inspected.result).toMatchObject({ exit: 6, error: { code, facts: { file: path('bad') } } });
  });

  it('of another image, with what to do', async () => {
    await textOf(...on('byte-fallback'), ...most(2), ...saveTo('good'), 'x');
    const { result } = await mmfreeJson('run', ...on('other'), ...loadFrom('good'));
    expect(result).toMatchObject({ exit: 7, error: { code: 'state-other-image' } });
    expect(JSON.stringify(result['error'])).toContain('--image');
  });

  it.each([
    ['that is not there', 'nowhere', 'system-error'],
    ['that is a folder', '.', 'input-not-a-file'],
  ])('%s', async (_title, name, code) => {
    const { result } = await mmfreeJson('run', ...on('byte-level'), ...loadFrom(name));
    expect(result).toMatchObject({ exit: 2, error: { code } });
  });

  it('without a token to go on with, unless there is a prompt', async () => {
    await textOf(...on('byte-level'), ...most(2), ...saveTo('good'), 'x');
    const { state, ...rest } = stateIn('good');
    await writeFile(path('fed'), encodeState({ ...rest, state: { ...state, chosen: undefined } }));
    const { result } = await mmfreeJson('run', ...on('byte-level'), ...loadFrom('fed'));
    expect(result).toMatchObject({ exit: 2, error: { code: 'missing-argument' } });
    expect((await mmfree('run', ...on('byte-level'), ...loadFrom('fed'), ...most(1), 'y')).exit).toBe(0);
  });
});

function flipped(file: Buffer, at: number): Uint8Array {
  file[at]! ^= 4;
  return file;
}

/** With another number, and right checksums. */
function withU32(file: Buffer, at: number, value: number): Uint8Array {
  file.writeUInt32LE(value, at);
  return sealed(file);
}

function sealed(file: Buffer): Uint8Array {
  file.writeUInt32LE(crc32(file.subarray(0, 124)), 124);
  file.writeUInt32LE(crc32(file.subarray(0, -4)), file.length - 4);
  return file;
}

describe('the file of a state', () => {
  it('never takes the place of an input', async () => {
    await symlink(path('byte-level'), path('link'));
    await writeFile(path('prompt'), 'x');
    for (const [name, more] of [
      ['byte-level', []],
      ['link', []],
      ['prompt', ['--prompt-file', path('prompt')]],
    ] as const) {
      const before = readFileSync(path(name));
      const { result } = await mmfreeJson('run', ...on('byte-level'), ...saveTo(name), ...more);
      expect(result).toMatchObject({ exit: 2, error: { code: 'output-is-input' } });
      expect(readFileSync(path(name))).toEqual(before);
    }
  });

  it('is for its owner, and nothing else is left', async () => {
    await mkdir(path('folder'));
    await textOf(...on('byte-level'), ...most(1), '--save-state', path('folder/s'), 'x');
    expect(statSync(path('folder/s')).mode & 0o777).toBe(0o600);
    expect(readdirSync(path('folder'))).toEqual(['s']);
    const none = await mmfreeJson('run', ...on('byte-level'), ...most(1), '--save-state', path('no folder/s'), 'x');
    expect(none.result).toMatchObject({ exit: 2, error: { code: 'system-error' } });
    expect(none.events.filter(({ type }) => type === 'token')).toEqual([]);
  });
});

/** Interrupts a run when it has printed something. */
async function interrupted(when: string, ...argv: string[]): Promise<Record<string, unknown>[]> {
  const fake = new FakeProcess();
  const write = fake.stdout.write.bind(fake.stdout);
  fake.stdout.write = (line, onWritten) => {
    write(line, onWritten);
    if (line.includes(when)) fake.interrupt();
  };
  const { exit, events } = await fake.run(COMMANDS, '--json', 'run', ...argv);
  expect(exit).toBe(130);
  return events();
}

describe('Ctrl-C', () => {
  it('in the middle writes a state that goes on right', async () => {
    const model = [...on('byte-level'), ...HOT, '--seed', '66'];
    const whole = await tokensOf(...model, ...most(TOKENS), 'x');
    const before = await interrupted('"index":6', ...model, ...most(TOKENS), ...saveTo('stopped'), 'x');
    expect(before.at(-1)).toMatchObject({ finish: 'interrupted', tokens: 7, saved_state: path('stopped') });
    const after = await tokensOf(...on('byte-level'), ...loadFrom('stopped'), ...most(TOKENS - 7));
    expect([...before.filter(({ type }) => type === 'token'), ...after]).toEqual(whole);
  });

  it('before the first token leaves the state that was there', async () => {
    await textOf(...on('byte-level'), ...most(2), ...saveTo('kept'), 'x');
    const before = readFileSync(path('kept'));
    const events = await interrupted(
      'hello',
      ...on('byte-level'),
      ...loadFrom('kept'),
      ...saveTo('kept'),
      'y'.repeat(50),
    );
    expect(events.at(-1)).not.toHaveProperty('saved_state');
    expect(readFileSync(path('kept'))).toEqual(before);
  });
});

it('what is piped in is no prompt of a text that goes on, unless somebody says so', async () => {
  await textOf(...on('byte-level'), ...most(2), ...saveTo('piped'), 'x');
  const told = async (...argv: string[]): Promise<string> => {
    const fake = new FakeProcess();
    fake.stdin = { isPiped: true, isTerminal: false, open: () => Readable.from([Buffer.from('yz')]) };
    const { stdout } = await fake.run(COMMANDS, 'run', ...on('byte-level'), ...loadFrom('piped'), ...most(2), ...argv);
    return stdout.text;
  };
  expect(await told()).toBe(await textOf(...on('byte-level'), ...loadFrom('piped'), ...most(2)));
  expect(await told('-')).toBe(await textOf(...on('byte-level'), ...loadFrom('piped'), ...most(2), 'yz'));
});

it('a text moves to another machine', async () => {
  const begin = [...HOT, '--seed', '66'];
  const whole = await tokensOf(...on('byte-level'), ...begin, ...most(8), PROMPT);
  const before = await tokensOf(...on('byte-level', 'simulator'), ...begin, ...most(3), ...saveTo('moved'), PROMPT);
  const checked = [...on('byte-level', 'simulator'), ...loadFrom('moved'), ...saveTo('moved'), '--check', ...most(3)];
  const between = await tokensOf(...checked);
  const after = await tokensOf(...on('byte-level'), ...loadFrom('moved'), ...most(2));
  expect([...before, ...between, ...after]).toEqual(whole);
});

describe('a board', () => {
  let board: RunningBoard | undefined;
  const onBoard = (): string[] => ['--board', board!.selector, '--image', path('byte-level')];

  beforeEach(async () => {
    vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
    board = await startBoard('--image', path('byte-level'));
  });

  afterEach(async () => {
    await board?.stop();
    vi.unstubAllEnvs();
  });

  it('takes a text over and gives it away', async () => {
    const begin = [...HOT, '--seed', '66'];
    const whole = await tokensOf(...on('byte-level'), ...begin, ...most(9), PROMPT);
    const before = await tokensOf(...on('byte-level'), ...begin, ...most(3), ...saveTo('moving'), PROMPT);
    const checked = [...loadFrom('moving'), ...saveTo('moving'), '--check', '--trace', path('trace')];
    const between = await tokensOf(...onBoard(), ...checked, ...most(2));
    const sampledHere = [...loadFrom('moving'), ...saveTo('moving'), '--sampling', 'host'];
    const then = await tokensOf(...onBoard(), ...sampledHere, ...most(2));
    const after = await tokensOf(...on('byte-level'), ...loadFrom('moving'), ...most(2));
    expect([...before, ...between, ...then, ...after]).toEqual(whole);
    expect(readFileSync(path('trace'), 'utf8')).toContain('"name"');
    const { result } = await mmfreeJson('run', ...onBoard(), ...saveTo('one'), '--trace', path('one'), 'x');
    expect(result).toMatchObject({ exit: 2, error: { code: 'output-is-input' } });
  });

  it('that computes wrong is found out from where the text goes on', async () => {
    await textOf(...on('byte-level'), ...most(3), ...saveTo('right'), PROMPT);
    const { position, chosen } = stateIn('right').state;
    const wrong = await startBoard('--image', path('byte-level'), '--fault', 'flip:1');
    const check = ['--board', wrong.selector, '--image', path('byte-level'), '--check'];
    const { result } = await mmfreeJson('run', ...check, ...loadFrom('right'), ...saveTo('wrong'));
    await wrong.stop();
    const facts = { layer: 'layer 1', stream: 'this run', position, token: chosen };
    expect(result).toMatchObject({ exit: 9, error: { code: 'mismatch-receipt', facts } });
    expect(existsSync(path('wrong'))).toBe(false);
  });

  it.each([
    ['gives', () => saveTo('never')],
    ['takes', () => loadFrom('right')],
  ])('that does not know states %s none, which is said before anything else', async (_title, option) => {
    await textOf(...on('byte-level'), ...most(3), ...saveTo('right'), PROMPT);
    vi.spyOn(BoardSession.prototype, 'capabilities').mockResolvedValue(new Set());
    const { result, events } = await mmfreeJson('run', ...onBoard(), ...option(), 'x');
    vi.restoreAllMocks();
    expect(result).toMatchObject({ exit: 7, error: { code: 'machine-without-states' } });
    expect(events.filter(({ type }) => type === 'token')).toEqual([]);
  });

  it('that is told to end gives its state', async () => {
    const model = [...HOT, '--seed', '66'];
    const whole = await tokensOf(...on('byte-level'), ...model, ...most(12), 'x');
    const before = await interrupted('"index":4', ...onBoard(), ...model, ...most(12), ...saveTo('stopped'), 'x');
    expect(before.at(-1)).toMatchObject({ finish: 'interrupted', saved_state: path('stopped') });
    const told = before.filter(({ type }) => type === 'token');
    const after = await tokensOf(...onBoard(), ...loadFrom('stopped'), ...most(12 - told.length));
    expect([...told, ...after]).toEqual(whole);
  });
});

describe('inspect', () => {
  it('tells what a state holds', async () => {
    await textOf(...on('byte-level'), ...HOT, '--seed', '66', ...most(3), ...saveTo('shown'), 'x');
    const { image, state, tokens } = stateIn('shown');
    const { result } = await mmfreeJson('inspect', path('shown'));
    expect(result).toMatchObject({
      image_sha256: Buffer.from(image).toString('hex'),
      layers: 2,
      position: state.position,
      chosen_token: state.chosen,
      next_draw: 3,
      sampler: { temperature: 10, top_k: 64, top_p: 0.95, seed: '66' },
      tokens: Array.from(tokens!),
      exit: 0,
    });
    const { stdout } = await mmfree('inspect', path('shown'));
    expect(stdout.lines).toContain(`chosen        token ${state.chosen}, not fed yet; 3 were drawn`);
    expect(stdout.lines).toContain('sampler       temperature 10, top-k 64, top-p 0.95, seed 66');
  });

  it('refuses one that is damaged, and has no program of one', async () => {
    await textOf(...on('byte-level'), ...most(2), ...saveTo('shown'), 'x');
    expect((await mmfree('inspect', path('shown'), '--program')).exit).toBe(2);
    await writeFile(path('bad'), readFileSync(path('shown')).subarray(0, -9));
    const { result } = await mmfreeJson('inspect', path('bad'));
    expect(result).toMatchObject({ exit: 6, error: { code: 'state-damaged' } });
  });
});
