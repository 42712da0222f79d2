import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BoardSession } from '../../../device/session.js';
import { openTcp } from '../../../device/transport/tcp-transport.js';
import { BoardLink } from '../../../protocol/wire/board-link.js';
import { encodeMessage } from '../../../protocol/wire/message.js';
import { BOARD_ERRORS, ERROR, GET_HELLO } from '../../../protocol/wire/messages-board.js';
import { RESTART } from '../../../protocol/wire/groups/messages-restart.js';
import { DONE, RUN } from '../../../protocol/wire/messages-run.js';
import { BoardOnALine } from '../../helpers/board-on-a-line.js';
import { mmfree, mmfreeJson, startBoard, temporaryFolder, type RunningBoard } from '../../helpers/command-line.js';
import { goodImage } from '../../helpers/good-image.js';

const path = temporaryFolder();
const OLD = goodImage(1, { name: 'old' });
const NEW = goodImage(2, { name: 'new' });
/** How a run samples, for as long as nobody ends it. */
const SAMPLED = { firstIndex: 0, topK: 40, keep: 0, inverseTemperature: 1024, topP: 32_768, seed: 1n } as const;
let board: RunningBoard | undefined;

beforeAll(async () => {
  await writeFile(path('old'), OLD);
  await writeFile(path('new'), NEW);
});

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
  vi.stubEnv('XDG_DATA_HOME', path('data'));
});

afterEach(async () => {
  await board?.stop();
  board = undefined;
  vi.unstubAllEnvs();
});

describe('read', () => {
  it('copies the image of a board, byte for byte', async () => {
    board = await startBoard('--image', path('old'));
    const { exit, stdout } = await mmfree('read', '-o', path('copy'));
    expect([exit, stdout.text]).toEqual([
      0,
      expect.stringMatching(/copy has old of virtual .*, checked, seal [0-9a-f]{64}\n$/),
    ]);
    expect(new Uint8Array(await readFile(path('copy')))).toEqual(OLD);
  });

  it('copies it through a line that loses and damages frames', async () => {
    board = await startBoard('--image', path('new'), '--fault', 'drop:0.05', '--fault', 'damage:0.05');
    const { result } = await mmfreeJson('read', '-o', path('noisy'));
    expect(result).toMatchObject({ exit: 0, image: 'new', file_bytes: NEW.length });
    expect(new Uint8Array(await readFile(path('noisy')))).toEqual(NEW);
  });

  it('leaves what is there if the board has none', async () => {
    board = await startBoard();
    await writeFile(path('mine'), 'mine');
    const before = readdirSync(dirname(path('mine')));
    const { result } = await mmfreeJson('read', '-o', path('mine'));
    expect(result).toMatchObject({ exit: 6, error: { code: 'board-no-image' } });
    expect(await readFile(path('mine'), 'utf8')).toBe('mine');
    expect(readdirSync(dirname(path('mine')))).toEqual(before);
  });

  it('makes no file without a board', async () => {
    expect((await mmfreeJson('read', '-o', path('none'))).result).toMatchObject({ exit: 3 });
    expect(existsSync(path('none'))).toBe(false);
  });
});

describe('revert', () => {
  it('goes to the other image, and back again', async () => {
    board = await startBoard('--image', path('old'));
    expect((await mmfree('flash', path('new'))).exit).toBe(0);
    expect((await mmfreeJson('revert')).result).toMatchObject({ exit: 0, image: 'old', before: 'new' });
    expect((await mmfree('revert')).stdout.text).toMatch(
      /^virtual \S+ runs new, revision 0, seal \w{64}; before: old\n$/,
    );
  });

  it('says when there is no other', async () => {
    board = await startBoard('--image', path('old'));
    const { result } = await mmfreeJson('revert');
    expect(result).toMatchObject({
      exit: 6,
      error: { code: 'board-no-image', fix: expect.stringContaining('still runs') },
    });
    expect((await mmfreeJson('read', '-o', path('still'))).result).toMatchObject({ exit: 0, image: 'old' });
  });
});

describe('restart', () => {
  it('starts the board again, which then says what it runs', async () => {
    board = await startBoard('--image', path('old'));
    const { exit, stdout } = await mmfree('restart');
    expect([exit, stdout.text]).toEqual([
      0,
      expect.stringMatching(/^virtual \S+ has started again and runs old, revision 0, seal \w{64}\n$/),
    ]);
    expect(board.events().filter(({ type }) => type === 'power')).toMatchObject([{ on: false }, { on: true }]);
    const { result } = await mmfreeJson('restart', '--board', board.selector);
    expect(result).toMatchObject({ exit: 0, image: 'old', confirmed: true });
    expect(board.events().filter(({ type }) => type === 'power')).toHaveLength(4);
  });

  it('works for a board without an image, and through a line that loses frames', async () => {
    board = await startBoard('--fault', 'drop:0.1');
    expect((await mmfreeJson('restart')).result).toMatchObject({ exit: 0, image: null });
  });

  it('refuses while another host has the board, which goes on', async () => {
    board = await startBoard('--image', path('old'));
    const holder = await openTcp('127.0.0.1', Number(board.selector.split(':').at(-1)));
    const session = await BoardSession.open(holder);
    expect((await mmfreeJson('restart')).result).toMatchObject({ exit: 5, error: { code: 'board-busy' } });
    expect((await session.info()).state).toBe('idle');
    await session.close();
    expect(board.events().filter(({ type }) => type === 'power')).toEqual([]);
  });

  it('is refused by the board during a run', async () => {
    board = await startBoard('--image', path('old'));
    const session = await BoardSession.open(await openTcp('127.0.0.1', Number(board.selector.split(':').at(-1))));
    const run = { ...SAMPLED, run: 6, maxTokens: 5000, tokens: Uint32Array.of(2) };
    await session.send(RUN, run);
    await expect(session.request(RESTART, {}, DONE)).rejects.toMatchObject({ code: 'board-busy' });
    await session.cancelRun(run.run);
    await session.close();
    expect(board.events().filter(({ type }) => type === 'power')).toEqual([]);
  });
});

describe('restart of a board from before groups', () => {
  it('is refused by the host, with what to do', async () => {
    const hello = new BoardOnALine().board.hello();
    const requests: number[] = [];
    const server = createServer((socket) => {
      const link: BoardLink = new BoardLink({
        now: () => performance.now(),
        write: (bytes) => void socket.write(bytes),
        onEvent: (event) => {
          if (event.kind === 'opened') link.send(hello.type, hello.payload);
          if (event.kind !== 'message') return;
          requests.push(event.type);
          const refusal = { code: BOARD_ERRORS.unknownRequest, request: event.type, factA: 0, factB: 0 };
          link.send(ERROR.type, encodeMessage(ERROR, refusal));
        },
      });
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        link.receive(bytes);
        link.poll();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { result } = await mmfreeJson('restart', '--board', `tcp:127.0.0.1:${port}`);
    server.close();
    expect(result).toMatchObject({
      exit: 7,
      error: { code: 'board-cannot-restart', fix: expect.stringContaining('Pull its plug') },
    });
    expect(requests).toEqual([GET_HELLO.type]);
  });
});

describe('models', () => {
  it('shows those that are shipped, in the folder and on boards, and how to get others', async () => {
    board = await startBoard('--image', path('old'));
    await mkdir(path('data/mmfree/models'), { recursive: true });
    await writeFile(path('data/mmfree/models/mine.mmfree'), NEW);
    await writeFile(path('data/mmfree/models/broken.mmfree'), 'no image');
    const { events, result } = await mmfreeJson('models');
    expect(result).toMatchObject({ exit: 0, models: 5, folder: path('data/mmfree/models') });
    expect(events.filter(({ type }) => type === 'model')).toMatchObject([
      { where: 'shipped', name: 'tales-9m', problem: null },
      { where: 'shipped', name: 'tales-4m', problem: null },
      { where: 'folder', at: path('data/mmfree/models/broken.mmfree'), name: null, problem: expect.any(String) },
      { where: 'folder', at: path('data/mmfree/models/mine.mmfree'), name: 'new', bytes: NEW.length },
      { where: 'board', at: board.selector, name: 'old' },
    ]);
    const { stdout } = await mmfree('models');
    for (const size of ['370M', '1.3B', '2.7B'])
      expect(stdout.text).toContain(`hf download ridgerchu/MMfreeLM-${size} --local-dir MMfreeLM-${size}\n`);
  });
});
