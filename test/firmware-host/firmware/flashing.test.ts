/** Updates that cross each other, or a session's end. */

import { describe, expect, it } from 'vitest';
import type { BoardSession } from '../../../device/session.js';
import { sealBytes } from '../../../protocol/image/image-seal.js';
import { BOARD_ERRORS } from '../../../protocol/wire/messages-board.js';
import * as flash from '../../../protocol/wire/messages-flash.js';
import * as run from '../../../protocol/wire/messages-run.js';
import { BoardOnALine } from '../../helpers/board-on-a-line.js';
import { IS_ANOTHER_BOARD } from '../../helpers/c-board.js';
import { goodImage } from '../../helpers/good-image.js';

const [OLD, NEW, NEXT] = [goodImage(1, { name: 'old' }), goodImage(2, { name: 'new' }), goodImage(3, { name: 'next' })];

async function begin(line: BoardOnALine, session: BoardSession, image: Uint8Array): Promise<number> {
  const [prefix, seal] = [image.subarray(0, 272), image.subarray(image.length - sealBytes(false))];
  const request = { imageLength: image.length, prefix, seal };
  return (await line.clock.until(session.request(flash.FLASH_BEGIN, request, flash.FLASH_READY))).slot;
}

async function write(line: BoardOnALine, session: BoardSession, image: Uint8Array): Promise<void> {
  for (let offset = 0; offset < image.length; offset += flash.FLASH_WRITE_BYTES) {
    const data = image.subarray(offset, offset + flash.FLASH_WRITE_BYTES);
    await line.clock.until(session.send(flash.FLASH_WRITE, { offset, data }));
  }
}

describe('a board', () => {
  it.skipIf(IS_ANOTHER_BOARD)('forgets a flash at REVERT, so that no write erases what runs then', async () => {
    const line = new BoardOnALine({ image: OLD });
    const { session } = await line.connect();
    const revert = async (): Promise<unknown> => await line.clock.until(session.request(flash.REVERT, {}, run.DONE));
    await begin(line, session, NEW);
    await write(line, session, NEW);
    await line.clock.until(session.request(flash.FLASH_END, {}, flash.FLASH_ENDED));
    await revert();
    expect(await begin(line, session, NEXT)).toBe(1);
    // Slot 1, to which the flash is on its way, runs from now on.
    await revert();
    await line.clock.until(session.send(flash.FLASH_WRITE, { offset: 0, data: NEXT.subarray(0, 2048) }));
    await expect(line.clock.until(session.info())).rejects.toMatchObject({
      facts: { board_code: BOARD_ERRORS.writeOutOfOrder },
    });
    expect(line.board.images.running?.view.manifest.name).toBe('new');
  });

  it.skipIf(IS_ANOTHER_BOARD)(
    'says HELLO when it knows what it runs: after the end of a request of the session before',
    async () => {
      for (let laterMs = 0; laterMs < 5; laterMs += 0.3) {
        const line = new BoardOnALine({ image: OLD });
        const { session } = await line.connect();
        await begin(line, session, NEW);
        await write(line, session, NEW);
        const ended = session.request(flash.FLASH_END, {}, flash.FLASH_ENDED).catch(() => {});
        await line.clock.pass(laterMs);
        line.unplug();
        const next = await line.connect();
        await line.clock.until(ended);
        await line.clock.pass(50);
        expect(next.session.image.name).toBe(line.board.images.running?.view.manifest.name);
      }
    },
  );
});
