/**
 * The binary for RP2350, started by the chip's own boot ROM in rp2350js. That emulator is in no registry, so this runs
 * only where a checkout of it is named:
 *
 *   git clone https://github.com/c1570/rp2350js && cd rp2350js && git checkout 10f7ebf && npm install --ignore-scripts
 *   MMFREE_RP2350JS=$PWD npx vitest run test/firmware/rp2350-emulated.test.ts
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { IMAGE_OFFSET } from '../../firmware-host/virtual/pico/pico-flash.js';
import { IntegerModel } from '../../model/integer/integer-model.js';
import { readModelWeights, residentBytes } from '../../model/integer/model-weights.js';
import { IMAGE_PREFIX_BYTES } from '../../protocol/image/image-prefix.js';
import { sealBytes } from '../../protocol/image/image-seal.js';
import { RESTART } from '../../protocol/wire/groups/messages-restart.js';
import {
  CONFIRM,
  FLASH_BEGIN,
  FLASH_END,
  FLASH_ENDED,
  FLASH_READY,
  FLASH_WRITE,
  FLASH_WRITE_BYTES,
} from '../../protocol/wire/messages-flash.js';
import { DONE, RESET, STEP, STEPPED } from '../../protocol/wire/messages-run.js';
import { ChipHost } from '../helpers/chip-host.js';
import { goodImage, goodImageOf } from '../helpers/good-image.js';
import { PicoDfu } from '../helpers/pico-dfu.js';
import { Rp2350Chip } from '../helpers/rp2350-chip.js';
import { TINY_SHAPE, tinySections } from '../helpers/tiny-image.js';

const EMULATOR = process.env['MMFREE_RP2350JS'];
const FIRMWARE = readFileSync(fileURLToPath(new URL('../../firmware/prebuilt/rp2350.bin', import.meta.url)));
/** Rows of whole words, so that both processors compute what DMA brings; more than the ring holds. */
const STREAMED = tinySections(1, { ...TINY_SHAPE, vocabSize: 211, hiddenSize: 92, intermediateSize: 268 });
const TOKENS = [1, 2, 3, 5, 8, 13];
const SLICE_CYCLES = 20_000;
const RESTART_CYCLES = 60_000_000;

it.skipIf(EMULATOR === undefined)(
  'starts, reads its flash on four wires, takes an image, computes with both processors, starts anew',
  { timeout: 3_600_000 },
  async () => {
    const start = await Rp2350Chip.load(EMULATOR!);
    const old = goodImage(1, { name: 'old' });
    const flash = new Uint8Array(IMAGE_OFFSET + old.length).fill(0xff);
    flash.set(FIRMWARE);
    // As from a file that was dragged onto the drive: no record of it.
    flash.set(old, IMAGE_OFFSET);
    const host = new ChipHost((onUart) => start(flash, onUart));
    const { chip } = host;
    expect(host.hello()).toMatchObject({
      board: 'rp2350',
      slots: 1,
      serial: '15161718191A1B1C',
      image: { name: 'old' },
    });
    expect([chip.flash.erased, chip.flash.programmed]).toEqual([0, 1]);
    expect(chip.flash.quick).toBeGreaterThan(10_000);

    const image = goodImageOf(STREAMED);
    const seal = image.subarray(image.length - sealBytes(false));
    host.ask(
      FLASH_BEGIN,
      { imageLength: image.length, prefix: image.subarray(0, IMAGE_PREFIX_BYTES), seal },
      FLASH_READY,
    );
    for (let offset = 0; offset < image.length; offset += FLASH_WRITE_BYTES) {
      host.send(FLASH_WRITE, { offset, data: image.subarray(offset, offset + FLASH_WRITE_BYTES) });
    }
    host.ask(FLASH_END, {}, FLASH_ENDED);
    host.ask(CONFIRM, {}, DONE);
    const written = chip.flash.bytes.subarray(IMAGE_OFFSET, IMAGE_OFFSET + image.length);
    expect(Buffer.compare(written, image)).toBe(0);

    const model = new IntegerModel(readModelWeights(residentBytes(STREAMED)));
    host.ask(RESET, {}, DONE);
    for (const token of TOKENS) {
      model.step(token);
      const stepped = Buffer.from(host.ask(STEP, { taps: 0, candidates: 0, token }, STEPPED));
      expect(stepped.readUInt32LE(4)).toBe(model.receipt() >>> 0);
    }

    host.send(RESTART, {});
    for (const end = chip.cycles + RESTART_CYCLES; chip.restarts === 0 && chip.cycles < end;) chip.run(SLICE_CYCLES);
    expect(chip.restarts).toBe(1);
  },
);

it.skipIf(EMULATOR === undefined)(
  'is a USB device, and takes an image over DFU and gives it back',
  { timeout: 3_600_000 },
  async () => {
    const start = await Rp2350Chip.load(EMULATOR!);
    const [old, image] = [goodImage(1), goodImage(2)];
    const flash = new Uint8Array(IMAGE_OFFSET + old.length).fill(0xff);
    flash.set(FIRMWARE);
    flash.set(old, IMAGE_OFFSET);
    const dfu = new PicoDfu(start(flash, () => {}));
    expect(dfu.hello()).toMatchObject({ board: 'rp2350', slots: 1, image: { confirmed: true } });
    expect(Buffer.compare(dfu.upload(), old)).toBe(0);
    expect(dfu.download(image)).toEqual([0, 2]);
    expect(Buffer.compare(dfu.upload(), image)).toBe(0);
  },
);
