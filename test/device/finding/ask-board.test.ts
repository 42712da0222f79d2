import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askBoard } from '../../../device/finding/ask-board.js';
import { selectBoard } from '../../../device/finding/discovery.js';
import { parseSelector } from '../../../device/selector.js';
import { startBoard, temporaryFolder } from '../../helpers/command-line.js';

const path = temporaryFolder();
beforeEach(() => vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards')));
afterEach(() => vi.unstubAllEnvs());

describe('a board that is asked', () => {
  it('says who and how it is, and is free again afterwards', async () => {
    const running = await startBoard('--serial-number', 'V-1');
    const address = await selectBoard(parseSelector('V-1'));
    for (let times = 0; times < 2; times++) {
      const { hello, info } = await askBoard(address);
      expect([hello.board, hello.serial, info?.state, info?.steps]).toEqual(['virtual', 'V-1', 'idle', 0]);
    }
    await running.stop();
  });

  it('is not asked any more after Ctrl-C', async () => {
    const running = await startBoard('--serial-number', 'V-1');
    const asked = askBoard(await selectBoard(parseSelector('V-1')), { signal: AbortSignal.abort() });
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
    await running.stop();
  });
});
