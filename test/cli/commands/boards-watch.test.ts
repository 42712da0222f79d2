/** `mmfree boards --watch` beside virtual boards that come and go. */

import { once } from 'node:events';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { entryText } from '../../../protocol/virtual-board-entry.js';
import { COMMANDS, mmfree, startBoard, TALES_IMAGE, temporaryFolder } from '../../helpers/command-line.js';
import { FakeProcess } from '../../helpers/fake-host.js';

const path = temporaryFolder();

beforeEach(async () => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
  await mkdir(path('boards'), { recursive: true });
});

afterEach(() => {
  vi.unstubAllEnvs();
});

interface Watching {
  /** The lines from the first to one that holds `text`, which is waited for. */
  readonly until: (text: string) => Promise<string[]>;
  /** Ctrl-C. @returns its exit code */
  readonly stop: () => Promise<number>;
  readonly stderr: () => string;
}

function startWatch(...options: string[]): Watching {
  const process = new FakeProcess();
  const running = process.run(COMMANDS, ...options, 'boards', '--watch');
  return {
    until: async (text) => {
      for (;;) {
        const end = process.stdout.lines.findIndex((line) => line.includes(text));
        if (end >= 0) return process.stdout.lines.slice(0, end + 1);
        await new Promise<void>((resolve) => process.stdout.onWrite(resolve));
      }
    },
    stop: async () => {
      process.interrupt();
      return (await running).exit;
    },
    stderr: () => process.stderr.text,
  };
}

it('has a line for a board that comes and one when it goes, and ends with 130', async () => {
  const watching = startWatch();
  await watching.until('no boards');
  const board = await startBoard('--serial-number', 'T-1', '--image', TALES_IMAGE);
  expect((await watching.until('came')).at(-1)).toMatch(
    new RegExp(
      `^came: ${board.selector}  virtual board; virtual T-1, firmware .*, idle, .*; tales-9m, revision 0, .*…$`,
    ),
  );
  await board.stop();
  const lines = await watching.until('gone');
  expect(lines.slice(-2)).toEqual([expect.stringMatching(/^came/), `gone: ${board.selector}  virtual board`]);
  expect(await watching.stop()).toBe(130);
  expect(watching.stderr()).toContain('Ctrl-C ends it');
});

it('tells programs the same with all facts, after those that were there', async () => {
  const first = await startBoard('--serial-number', 'T-1');
  const watching = startWatch('--json');
  await watching.until('"type":"board"');
  await first.stop();
  await watching.until('board-gone');
  const second = await startBoard('--serial-number', 'T-2');
  const lines = await watching.until('board-came');
  await second.stop();
  expect(await watching.stop()).toBe(130);
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(events.filter(({ type }) => String(type).startsWith('board'))).toMatchObject([
    { type: 'board', selector: first.selector, state: 'idle' },
    { type: 'board-gone', selector: first.selector, serial: 'T-1' },
    { type: 'board-came', selector: second.selector, serial: 'T-2', state: 'idle', image: null },
  ]);
});

/** Announces a board that is none. @returns how often it was asked, and what takes it away */
async function startFake(serial: string, onAsked: (socket: Socket) => void): Promise<() => Promise<number>> {
  let asked = 0;
  const server = createServer((socket) => {
    asked++;
    onAsked(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const entry = entryText({ pid: process.pid, serial, addresses: [`tcp:127.0.0.1:${port}`] });
  await writeFile(path('unfinished'), entry);
  await rename(path('unfinished'), path(`boards/${serial}.json`));
  return async () => {
    await rm(path(`boards/${serial}.json`));
    server.close();
    return asked;
  };
}

it('asks a board once, and is not held up by one that does not answer', async () => {
  const watching = startWatch('--json');
  await watching.until('"note"');
  const stops = [await startFake('S-1', () => {}), await startFake('S-2', (socket) => socket.destroy())];
  await watching.until('"serial":"S-2"');
  for (let round = 0; round < 2; round++) {
    const board = await startBoard('--serial-number', `T-${round}`);
    await watching.until(`"board-came","selector":"${board.selector}"`);
    await board.stop();
    await watching.until(`"board-gone","selector":"${board.selector}"`);
  }
  expect(await watching.stop()).toBe(130);
  expect(await Promise.all(stops.splice(0).map(async (stop) => await stop()))).toEqual([1, 1]);
});

it('refuses to watch one board', async () => {
  const { exit, stderr } = await mmfree('boards', '--watch', '--board', 'T-1');
  expect([exit, stderr.lines.length]).toEqual([2, 3]);
});
