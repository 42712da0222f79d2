/** A board on a network: what is no host, or only holds a connection, does not get to it. */

import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { encodeFrame } from '../../../protocol/wire/frame.js';
import { FrameReader } from '../../../protocol/wire/frame-reader.js';
import { encodeMessage } from '../../../protocol/wire/message.js';
import {
  CONFIRM,
  FLASH_BEGIN,
  FLASH_END,
  FLASH_WRITE,
  FLASH_WRITE_BYTES,
} from '../../../protocol/wire/messages-flash.js';
import { memorySource } from '../../../protocol/byte-source.js';
import { openImage } from '../../../protocol/image/image-reader.js';
import { DONE } from '../../../protocol/wire/messages-run.js';
import { synPayload } from '../../../protocol/wire/opening.js';
import { mmfree, mmfreeJson, startBoard, temporaryFolder } from '../../helpers/command-line.js';
import type { RunningBoard } from '../../helpers/command-line.js';
import { figure } from '../../helpers/counts.js';
import { frameOf, framesIn, joined } from '../../helpers/frames.js';
import { goodImage } from '../../helpers/good-image.js';

const path = temporaryFolder();
const IDLE = 200;

beforeAll(async () => {
  await writeFile(path('old'), goodImage(1, { name: 'old', tokenizer: new Uint8Array(0) }));
  await writeFile(path('new'), goodImage(2, { name: 'new', tokenizer: new Uint8Array(0) }));
});

beforeEach(() => void vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards')));
afterEach(() => void vi.unstubAllEnvs());

function dial({ selector }: RunningBoard): Socket {
  const [, host, port] = selector.split(':');
  return connect({ host: host!, port: Number(port) })
    .on('error', () => {})
    .resume();
}

/** All that a host sends to flash an image, so that it need not wait for an answer. */
function framesOfAFlash(image: Uint8Array): Uint8Array {
  const { sealedLength } = openImage(memorySource(image));
  const messages: [number, Uint8Array][] = [];
  const [prefix, seal] = [image.slice(0, 272), image.slice(sealedLength)];
  messages.push([FLASH_BEGIN.type, encodeMessage(FLASH_BEGIN, { imageLength: image.length, prefix, seal })]);
  for (let offset = 0; offset < image.length; offset += FLASH_WRITE_BYTES) {
    const data = image.slice(offset, offset + FLASH_WRITE_BYTES);
    messages.push([FLASH_WRITE.type, encodeMessage(FLASH_WRITE, { offset, data })]);
  }
  messages.push([FLASH_END.type, encodeMessage(FLASH_END, {})], [CONFIRM.type, encodeMessage(CONFIRM, {})]);
  return joined([
    encodeFrame(frameOf({ kind: 'syn', window: 32, payload: synPayload(1) }), true),
    ...messages.map(([type, payload], sequence) => {
      return encodeFrame(frameOf({ kind: 'data', type, sequence, window: 32, payload }), false);
    }),
  ]);
}

/** The image that a board says it runs. */
async function imageOn({ selector }: RunningBoard): Promise<unknown> {
  const { events } = await mmfreeJson('boards', '--board', selector);
  return events.find(({ type }) => type === 'board')?.['image'];
}

describe('a virtual board on the network', () => {
  it(`works for the next host behind ${IDLE} idle connections`, async () => {
    const board = await startBoard('--image', path('old'), '--flash-mib', '1');
    const idle = Array.from({ length: IDLE }, () => dial(board));
    await Promise.all(idle.map(async (socket) => await once(socket, 'connect')));
    const startedAtMs = performance.now();
    expect((await mmfreeJson('verify', '--board', board.selector, '--image', path('old'), '--tokens', '3')).exit).toBe(
      0,
    );
    const tookMs = performance.now() - startedAtMs;
    figure(`network: ${IDLE} idle connections: the next host is done after`, `${(tookMs / 1000).toFixed(1)} s`);
    for (const socket of idle) socket.destroy();
    await board.stop();
  });

  it('does not see the frames in the body of an HTTP POST, which would flash it', async () => {
    const board = await startBoard('--flash-file', path('flash'), '--image', path('old'), '--flash-mib', '1');
    const before = await readFile(path('flash'));
    const body = framesOfAFlash(await readFile(path('new')));
    const head = `POST / HTTP/1.1\r\nHost: board\r\nContent-Length: ${body.length}\r\n\r\n`;
    const page = dial(board);
    let heard = 0;
    page.on('data', ({ length }: Buffer) => (heard += length));
    page.write(joined([new TextEncoder().encode(head), body]));
    await once(page, 'close');
    expect(heard).toBe(0);
    expect(await imageOn(board)).toMatchObject({ name: 'old', confirmed: true });
    expect((await readFile(path('flash'))).equals(before)).toBe(true);
    figure('network: an HTTP POST with the frames of a flash in its body: sectors of the flash changed', '0');
    // What it was kept from: the same bytes without the head.
    const host = dial(board);
    host.write(body);
    const reader = new FrameReader();
    for await (const bytes of host as AsyncIterable<Buffer>) {
      if (framesIn(reader.feed(bytes)).some(({ type }) => type === DONE.type)) break;
    }
    expect(await imageOn(board)).toMatchObject({ name: 'new' });
    await board.stop();
  });

  it('is flashed through damaged frames all the same', async () => {
    const board = await startBoard('--image', path('old'), '--flash-mib', '1', '--fault', 'damage:0.05');
    expect((await mmfreeJson('flash', path('new'), '--board', board.selector)).exit).toBe(0);
    await board.stop();
  });
});

describe('a virtual board with a key', () => {
  beforeAll(async () => {
    for (const name of ['key', 'other.key']) await mmfree('key', '-o', path(name));
  });

  it('is listed, flashed, verified and run by who has it', async () => {
    const board = await startBoard('--tcp', '0.0.0.0:0', '--key-file', path('key'), '--flash-mib', '1');
    const here = ['--board', board.selector.replace('0.0.0.0', '127.0.0.1'), '--key-file', path('key')];
    expect((await mmfreeJson('flash', path('new'), ...here)).exit).toBe(0);
    expect((await mmfreeJson('boards', ...here)).events).toContainEqual(expect.objectContaining({ state: 'idle' }));
    expect((await mmfreeJson('verify', ...here, '--image', path('new'), '--tokens', '3')).exit).toBe(0);
    expect((await mmfreeJson('run', ...here, '--image', path('new'), '--ids', '0', '--max-tokens', '3')).exit).toBe(0);
    await board.stop();
  });

  it.each<[string, readonly string[], readonly string[], string]>([
    ['without a key', ['--key-file', 'key'], [], 'board-wants-key'],
    ['with another key', ['--key-file', 'key'], ['--key-file', 'other.key'], 'board-wrong-key'],
    ['with a key, and the board has none', [], ['--key-file', 'key'], 'board-without-key'],
  ])('lets no host in %s: exit 4 and what to do', async (_, ofBoard, ofHost, code) => {
    const named = (options: readonly string[]): string[] =>
      options.map((word) => (word.startsWith('--') ? word : path(word)));
    const board = await startBoard('--image', path('old'), '--flash-mib', '1', ...named(ofBoard));
    for (const command of [['boards'], ['run', '--ids', '0'], ['flash', path('new')], ['verify']]) {
      const { exit, result } = await mmfreeJson(...command, '--board', board.selector, ...named(ofHost));
      expect([exit, result['error']]).toEqual([
        4,
        expect.objectContaining({ code, fix: expect.stringContaining('key') }),
      ]);
    }
    await board.stop();
  });

  it('is flashed through damaged frames all the same', async () => {
    const board = await startBoard('--key-file', path('key'), '--flash-mib', '1', '--fault', 'damage:0.05');
    const here = ['--board', board.selector, '--key-file', path('key')];
    expect((await mmfreeJson('flash', path('new'), ...here)).exit).toBe(0);
    await board.stop();
  });

  it('has no USB/IP for it: a flash over DFU with a key is refused', async () => {
    const board = await startBoard('--usbip', '127.0.0.1:0', '--flash-mib', '1');
    const { exit, result } = await mmfreeJson(
      'flash',
      path('new'),
      '--board',
      board.selector,
      '--key-file',
      path('key'),
    );
    expect([exit, result['error']]).toEqual([4, expect.objectContaining({ code: 'board-without-key' })]);
    await board.stop();
  });
});

describe('an address that other computers reach', () => {
  it.each([
    ['--tcp', '0.0.0.0:0', 'mmfree key'],
    ['--tcp', '[::]:0', 'mmfree key'],
    ['--usbip', '0.0.0.0:0', 'ssh -L'],
    ['--ftdi', '0.0.0.0:0', 'ssh -L'],
  ])('is refused for %s %s, with what to do', async (option, address, fix) => {
    const { exit, result } = await mmfreeJson('virtual-board', option, address, '--flash-mib', '1');
    expect([exit, result['error']]).toEqual([2, expect.objectContaining({ fix: expect.stringContaining(fix) })]);
  });

  it('is refused for USB/IP, which asks for no key, with a key too', async () => {
    const options = ['--tcp', '127.0.0.1:0', '--usbip', '0.0.0.0:0', '--key-file', path('key')];
    expect((await mmfree('virtual-board', ...options)).exit).toBe(2);
  });

  it.each([['--tcp'], ['--usbip'], ['--ftdi']])('is listened at for %s when everybody may', async (option) => {
    const board = await startBoard(option, '0.0.0.0:0', '--open', '--flash-mib', '1');
    expect(await board.stop()).toBe(130);
  });

  it.each(['127.0.0.1:0', '127.1.2.3:0', 'localhost:0', '[::ffff:127.0.0.1]:0'])('is not %s', async (address) => {
    const board = await startBoard('--tcp', address, '--flash-mib', '1');
    expect(await board.stop()).toBe(130);
  });
});
