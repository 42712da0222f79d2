import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { mmfree, mmfreeJson, startBoard, temporaryFolder, type RunningBoard } from '../../helpers/command-line.js';
import { goodImage } from '../../helpers/good-image.js';

const path = temporaryFolder();
const OLD = goodImage(1, { name: 'old' });
const NEW = goodImage(2, { name: 'new' });
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

describe('models', () => {
  it('shows those that are shipped, in the folder and on boards, and how to get others', async () => {
    board = await startBoard('--image', path('old'));
    await mkdir(path('data/mmfree/models'), { recursive: true });
    await writeFile(path('data/mmfree/models/mine.mmfree'), NEW);
    await writeFile(path('data/mmfree/models/broken.mmfree'), 'no image');
    const { events, result } = await mmfreeJson('models');
    expect(result).toMatchObject({ exit: 0, models: 4, folder: path('data/mmfree/models') });
    expect(events.filter(({ type }) => type === 'model')).toMatchObject([
      { where: 'shipped', name: expect.any(String), problem: null },
      { where: 'folder', at: path('data/mmfree/models/broken.mmfree'), name: null, problem: expect.any(String) },
      { where: 'folder', at: path('data/mmfree/models/mine.mmfree'), name: 'new', bytes: NEW.length },
      { where: 'board', at: board.selector, name: 'old' },
    ]);
    const { stdout } = await mmfree('models');
    for (const size of ['370M', '1.3B', '2.7B'])
      expect(stdout.text).toContain(`hf download ridgerchu/MMfreeLM-${size} --local-dir MMfreeLM-${size}\n`);
  });
});
