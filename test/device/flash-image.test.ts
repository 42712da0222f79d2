import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { flashImage } from '../../device/flash-image.js';
import { FlashFailure } from '../../firmware-host/firmware/flash/nor-flash.js';
import { ImageFile } from '../../model/image-file.js';
import { BOARD_ERRORS } from '../../protocol/wire/messages-board.js';
import { FrameReader } from '../../protocol/wire/frame-reader.js';
import { FLASH_SUMS } from '../../protocol/wire/messages-flash.js';
import { BoardOnALine } from '../helpers/board-on-a-line.js';
import { IS_ANOTHER_BOARD } from '../helpers/c-board.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { goodImage } from '../helpers/good-image.js';
import { newSigner } from '../helpers/signer.js';

const path = temporaryFolder();
const OLD = goodImage(1, { name: 'old' });

it.skipIf(IS_ANOTHER_BOARD)('tells where the flash failed, wherever that is', async () => {
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

it.skipIf(IS_ANOTHER_BOARD)('writes all sectors when what was kept turns out to be damaged', async () => {
  const image = goodImage(2);
  writeFileSync(path('image'), image);
  const file = ImageFile.openChecked(path('image'));
  const line = new BoardOnALine({ image: OLD });
  // The new image lies in the other slot already, but its last byte changes when the checksums were told.
  const slot = 2 * 4096 + line.board.images.slots.bytes;
  line.bits.set(image, slot);
  const reader = new FrameReader();
  line.fate = ({ to, bytes }) => {
    for (const event of to === 'host' ? reader.feed(bytes) : []) {
      if (event.kind === 'frame' && event.frame.type === FLASH_SUMS.type) line.bits[slot + image.length - 1]! ^= 1;
    }
    return [{ bytes }];
  };
  const connection = await line.connect();
  const result = await line.clock.until(flashImage(connection, file));
  expect(result).toMatchObject({ outcome: 'flashed', writtenBytes: image.length, keptBytes: 0 });
  file.close();
});

it.skipIf(IS_ANOTHER_BOARD)('tells images apart that differ in their signature only', async () => {
  const [owner, other] = [newSigner(), newSigner()];
  const line = new BoardOnALine({ image: goodImage(2, { sign: owner.sign }) });
  writeFileSync(path('other'), goodImage(2, { sign: other.sign }));
  const file = ImageFile.openChecked(path('other'));
  const connection = await line.connect();
  expect((await line.clock.until(flashImage(connection, file))).outcome).toBe('flashed');
  expect(line.board.images.running?.view.seal.signature?.publicKey).toEqual(other.publicKey);
  file.close();
});
