import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { flashImage } from '../../device/flash-image.js';
import { FlashFailure } from '../../firmware-host/flash/nor-flash.js';
import { ImageFile } from '../../model/image-file.js';
import { BOARD_ERRORS } from '../../protocol/wire/messages-board.js';
import { BoardOnALine } from '../helpers/board-on-a-line.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { goodImage } from '../helpers/good-image.js';

const path = temporaryFolder();
const OLD = goodImage(1, { name: 'old' });

it('tells where the flash failed, wherever that is', { timeout: 60_000 }, async () => {
  const tokenizer = new TextEncoder().encode(`{"version":"1.0","x":"${'a'.repeat(120_000)}"}`);
  const large = goodImage(2, { tokenizer });
  writeFileSync(path('large'), large);
  const image = ImageFile.openChecked(path('large'));
  for (let failing = 0; failing < large.length; failing += 2048) {
    const line = new BoardOnALine({ image: OLD, bits: new Uint8Array(120 * 4096).fill(0xff) });
    const connection = await line.connect();
    const { slots } = line.board.images;
    const program = slots.program.bind(slots);
    slots.program = (slot, offset, bytes) => {
      if (offset === failing) throw new FlashFailure(offset + 1);
      program(slot, offset, bytes);
    };
    await expect(line.clock.until(flashImage(connection, image))).rejects.toMatchObject({
      code: 'board-write-failed',
      facts: { board_code: BOARD_ERRORS.flashFailed, fact_a: failing + 1 },
    });
  }
  image.close();
});
