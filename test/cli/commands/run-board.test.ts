/** `run` with boards. */

import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ReadingPace } from '../../../device/board/reading-pace.js';
import { decodeState } from '../../../protocol/state/state-file.js';
import { encodeFrame } from '../../../protocol/wire/frame.js';
import { FrameReader } from '../../../protocol/wire/frame-reader.js';
import { decodeMessage } from '../../../protocol/wire/message.js';
import { TOKEN } from '../../../protocol/wire/messages-run.js';
import {
  COMMANDS,
  inRoot,
  mmfree,
  mmfreeJson,
  startBoard,
  TALES,
  TALES_IMAGE,
  temporaryFolder,
} from '../../helpers/command-line.js';
import type { RunningBoard } from '../../helpers/command-line.js';
import { FakeProcess } from '../../helpers/fake-host.js';
import { goodImage } from '../../helpers/good-image.js';

const path = temporaryFolder();
const running: RunningBoard[] = [];
const servers: Server[] = [];
const TALE = ['--max-tokens', '24', '--seed', '3', 'Once upon a time'];

beforeAll(() => writeFile(path('small'), goodImage(1, { tokenizer: new Uint8Array(0) })));

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
});

afterEach(async () => {
  for (const board of running.splice(0)) await board.stop();
  for (const server of servers.splice(0)) server.close();
  vi.unstubAllEnvs();
});

async function start(...options: string[]): Promise<string> {
  const board = await startBoard(...options);
  running.push(board);
  return board.selector;
}

/**
 * A way to a board on which each connection breaks instead of bringing the token of this index.
 *
 * @returns its selector
 */
async function lostAtToken(index: number, selector: string): Promise<string> {
  const { port: boardPort } = new URL(selector.replace('tcp:', 'tcp://'));
  const server = createServer((host) => {
    const board = connect(Number(boardPort), '127.0.0.1');
    for (const socket of [host, board]) socket.on('error', () => socket.destroy());
    const reader = new FrameReader();
    board.on('data', (bytes) => {
      for (const event of reader.feed(bytes)) {
        if (event.kind !== 'frame') continue;
        const { type, payload } = event.frame;
        if (type === TOKEN.type && decodeMessage(TOKEN, payload)?.index === index) {
          board.destroy();
          host.end();
          return;
        }
        host.write(encodeFrame(event.frame));
      }
    });
    host.on('data', (bytes) => board.write(bytes));
    host.once('close', () => board.destroy());
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `tcp:127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const here = async (...args: string[]): Promise<string> =>
  (await mmfree('run', '--backend', 'reference', ...args)).stdout.text;

describe('a board', () => {
  it('tells the same tale as this computer, unasked if it is the only one', async () => {
    const selector = await start('--image', TALES_IMAGE, '--serial-number', 'T-1');
    const { exit, stdout, stderr } = await mmfree('run', ...TALE);
    expect([exit, stdout.text]).toEqual([0, await here(...TALE)]);
    expect(stderr.lines[0]).toBe(`using tales-9m on virtual T-1 (${selector})`);
    expect(stderr.lines[1]).toMatch(
      /^24 tokens, [\d.]+ tokens\/s on virtual T-1, behind a prompt of 5 in [\d.]+ s \(max-tokens\)$/,
    );
    expect((await mmfree('run', '--board', 'T-1', ...TALE)).stdout.text).toBe(stdout.text);
  });

  it.each([
    [['--sampling', 'host'], []],
    [
      ['--sampling', 'board'],
      ['--temperature', '0'],
    ],
    [[], ['--ids']],
    [[], ['--stop', 'the']],
  ])('does so with %j %j', async (ofBoard, options) => {
    const selector = await start('--image', TALES_IMAGE);
    const tale = options.includes('--ids') ? ['--max-tokens', '9', '0 334 404'] : TALE;
    const { stdout } = await mmfree('run', '--board', selector, ...ofBoard, ...options, ...tale);
    expect(stdout.text).toBe(await here(...options, ...tale));
  });

  it('is checked token by token with --check', async () => {
    const selector = await start('--image', TALES_IMAGE);
    const { result } = await mmfreeJson('run', '--board', selector, '--check', ...TALE);
    expect(result).toMatchObject({ exit: 0, tokens: 24, receipts_checked: 24 });
  });

  it('that computes wrong is found out by --check, with the layer', async () => {
    const selector = await start('--image', TALES_IMAGE, '--fault', 'flip:5');
    const { result } = await mmfreeJson('run', '--board', selector, '--check', ...TALE);
    const facts = { layer: 'layer 5', stream: 'this run' };
    expect(result).toMatchObject({ exit: 9, error: { code: 'mismatch-receipt', facts } });
  });

  it('tells the same over a line that loses and garbles frames', async () => {
    const selector = await start('--image', TALES_IMAGE, '--fault', 'drop:0.05', '--fault', 'damage:0.05');
    expect((await mmfree('run', '--board', selector, ...TALE)).stdout.text).toBe(await here(...TALE));
  });

  it('tells a tale with a tokenizer that only the board has', async () => {
    expect((await mmfree('pack', TALES, '-o', path('own'), '--name', 'own')).exit).toBe(0);
    const selector = await start('--image', path('own'));
    const { exit, stdout } = await mmfree('run', '--board', selector, ...TALE);
    expect([exit, stdout.text]).toEqual([0, await here(...TALE)]);
  });

  it('with an image that only the board has is checked by its file', async () => {
    const selector = await start('--image', path('small'));
    const ids = ['--ids', '--max-tokens', '4', '1 0'];
    const { exit, stdout } = await mmfree('run', '--board', selector, ...ids);
    expect([exit, stdout.text]).toEqual([0, await here('--image', path('small'), ...ids)]);
    const check = await mmfreeJson('run', '--board', selector, '--check', ...ids);
    expect(check.result).toMatchObject({ exit: 2, error: { code: 'missing-option' } });
    expect((await mmfree('run', '--board', selector, '--image', path('small'), '--check', ...ids)).exit).toBe(0);
  });

  it.each([
    ['that is shipped beside the usual one', () => inRoot('models/tales-4m/tales-4m.mmfree')],
    ['among the user’s own', () => path('data/mmfree/models/b.mmfree')],
  ])('with an image %s is checked without being named, and says where it was found', async (_, pathOf) => {
    const image = pathOf();
    vi.stubEnv('XDG_DATA_HOME', path('data'));
    await mkdir(path('data/mmfree/models'), { recursive: true });
    await writeFile(path('data/mmfree/models/a.mmfree'), 'no image');
    await writeFile(path('data/mmfree/models/b.mmfree'), goodImage(1, { tokenizer: new Uint8Array(0) }));
    const selector = await start('--image', image);
    const check = await mmfree('run', '--board', selector, '--check', '--ids', '--max-tokens', '2', '1 0');
    expect(check.exit).toBe(0);
    expect(check.stderr.lines[0]).toMatch(/^the image of virtual VB-[0-9a-f]{8} is /);
    expect(check.stderr.lines[0]).toContain(` is ${image}`);
  });

  // It used to be brought back to that token for ever.
  it('that is lost at the same token again and again is given up', async () => {
    const selector = await lostAtToken(5, await start('--image', TALES_IMAGE));
    const { events, result } = await mmfreeJson('run', '--board', selector, ...TALE);
    expect(events.filter(({ type }) => type === 'token')).toHaveLength(5);
    // It goes on at no token: that was said of `flash` only.
    const text = 'the text is not kept: the same command starts anew, and seed 3 gives the same text';
    expect(events.at(-2)).toEqual({ type: 'note', text });
    expect(result).toMatchObject({
      exit: 8,
      error: {
        code: 'board-flapping',
        message: `the connection to ${selector} broke 6 times in a row`,
        cause: expect.stringContaining('The board closed the connection.'),
        fix: expect.stringContaining('Restart the board'),
        facts: { board: selector, losses: 6 },
      },
    });
  });

  it('that is lost for good leaves the latest state that it gave, from which the text goes on', async () => {
    vi.spyOn(ReadingPace.prototype, 'tokens', 'get').mockReturnValue(32);
    const lost = 140;
    const selector = await lostAtToken(lost, await start('--image', TALES_IMAGE));
    const tale = [
      '--temperature',
      '1.2',
      '--seed',
      '4',
      '--stop',
      'a stop string that never comes',
      'Once upon a time',
    ];
    const run = ['--board', selector, '--save-state', path('left'), '--max-tokens', '160', ...tale];
    const { events, result } = await mmfreeJson('run', ...run);
    vi.restoreAllMocks();
    const told = events.filter(({ type }) => type === 'token');
    expect(told).toHaveLength(lost);
    expect(result).toMatchObject({ exit: 8, error: { code: 'board-flapping' }, saved_state: path('left') });
    const { state, sampler, held, tokens } = decodeState(await readFile(path('left')));
    expect(result['position']).toBe(state.position);
    expect(state.nextDraw).toBeGreaterThan(lost - 90);
    expect(state.nextDraw).toBeLessThanOrEqual(lost);
    const text = `it is the latest one that this computer has of the board: the last ${lost - state.nextDraw} tokens come again`;
    expect(events.slice(-3, -1)).toEqual([
      { type: 'note', text: `saved the state after ${state.position} tokens in ${path('left')}` },
      { type: 'note', text },
    ]);
    // As if it had been saved there on this computer.
    const same = [
      '--backend',
      'reference',
      '--max-tokens',
      String(state.nextDraw),
      '--save-state',
      path('same'),
      ...tale,
    ];
    expect((await mmfree('run', ...same)).exit).toBe(0);
    expect(decodeState(await readFile(path('same')))).toMatchObject({ state, sampler, held, tokens });
  }, 30_000);

  it('that is yet to come is waited for', async () => {
    const run = mmfree('run', '--wait', '20', '--max-tokens', '4', '--temperature', '0', 'Once');
    await start('--image', TALES_IMAGE, '--serial-number', 'T-1');
    const { exit, stdout } = await run;
    expect([exit, stdout.text]).toEqual([0, await here('--max-tokens', '4', '--temperature', '0', 'Once')]);
    expect((await mmfreeJson('run', '--wait', '1', '--board', 'nobody', 'x')).exit).toBe(3);
  });

  it('is waited for no longer after Ctrl-C', async () => {
    const process = new FakeProcess();
    const run = process.run(COMMANDS, 'run', '--wait', '1000', '--board', 'nobody', 'x');
    setTimeout(() => process.interrupt(), 300);
    expect((await run).exit).toBe(130);
  });

  it('stops at Ctrl-C', async () => {
    const selector = await start('--image', TALES_IMAGE);
    const process = new FakeProcess();
    const run = process.run(COMMANDS, '--json', 'run', '--board', selector, '--max-tokens', '5000', 'Once');
    while (!process.stdout.text.includes('"type":"token"')) {
      await new Promise<void>((resolve) => process.stdout.onWrite(resolve));
    }
    process.interrupt();
    expect((await run).exit).toBe(130);
    const { events } = await mmfreeJson('boards');
    expect(events.find(({ type }) => type === 'board')).toMatchObject({ state: 'idle' });
  });

  it('with another image than the one named is refused', async () => {
    const selector = await start('--image', path('small'));
    const { result } = await mmfreeJson('run', '--board', selector, '--image', TALES_IMAGE, 'x');
    expect(result).toMatchObject({ exit: 7, error: { code: 'board-other-image' } });
  });

  it('without an image says so', async () => {
    const selector = await start();
    expect((await mmfreeJson('run', '--board', selector, 'x')).result).toMatchObject({
      exit: 6,
      error: { code: 'board-no-image', fix: expect.stringContaining('mmfree flash') },
    });
  });
});

describe('a choice', () => {
  it('of several boards is left to the user', async () => {
    const both = [await start('--image', TALES_IMAGE, '--serial-number', 'A')];
    both.push(await start('--image', TALES_IMAGE, '--serial-number', 'B'));
    const { result } = await mmfreeJson('run', 'x');
    expect(result).toMatchObject({ exit: 11, error: { code: 'board-ambiguous', facts: { boards: both.join(' ') } } });
    expect((await mmfreeJson('run', '--board', 'B', '--max-tokens', '1', 'x')).exit).toBe(0);
  });

  it.each([
    ['a board and a backend', ['--board', 'tcp:127.0.0.1:1', '--backend', 'reference']],
    ['a check of the reference by itself', ['--backend', 'reference', '--check']],
    ['no selector', ['--board', '']],
    ['half a selector', ['--board', 'tcp:localhost']],
    ['a port that is none', ['--board', 'tcp:localhost:70000']],
    ['a baud rate of 0', ['--board', 'serial:/dev/ttyUSB0@0']],
  ])('of %s is refused', async (_, options) => {
    expect((await mmfreeJson('run', ...options, 'x')).exit).toBe(2);
  });
});
