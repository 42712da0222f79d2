/** A microcontroller in boot mode gets firmware and image: its boot ROM on a fake USB, which takes it away anywhere. */

import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flashInBootMode, planInBootMode } from '../../../device/flash-in-boot-mode.js';
import type { UsbFlashOptions, UsbFlashResult } from '../../../device/flash-over-usb.js';
import { PicobootClient } from '../../../device/picoboot/picoboot-client.js';
import { programFlash } from '../../../device/picoboot/program-flash.js';
import { factoryPieces } from '../../../firmware-host/virtual/pico/pico-flash.js';
import { ImageFile } from '../../../model/image-file.js';
import { temporaryFolder } from '../../helpers/command-line.js';
import { count } from '../../helpers/counts.js';
import { boardErrorOf, FakeUsb } from '../../helpers/fake-usb.js';
import { goodImage } from '../../helpers/good-image.js';
import { PluggedBoard } from '../../helpers/plugged-board.js';
import { PluggedBootMode } from '../../helpers/plugged-boot-mode.js';
import { Prng } from '../../oracle/prng.js';

const path = temporaryFolder();
const FLASH = 0x1000_0000;
const FLASH_BYTES = 192 * 1024;
const SECTOR_BYTES = 4096;
const IMAGE = goodImage(1, { name: 'new' });
/** Of which nobody asks what it does here. */
const FIRMWARE = randomBytes(1, 9000);
const PIECES = factoryPieces(FIRMWARE, IMAGE);
/** From one request at which the cable comes out to the next: each in the long run. */
const STEP = count(7, 1);
const START_MS = 4000;

let image: ImageFile;

beforeAll(() => {
  writeFileSync(path('image'), IMAGE);
  image = ImageFile.open(path('image'));
});

afterAll(() => image.close());

interface Bench {
  readonly usb: FakeUsb;
  readonly boot: PluggedBootMode;
  readonly board: PluggedBoard;
  readonly flash: (options?: UsbFlashOptions) => Promise<UsbFlashResult>;
}

/** A chip that becomes a board with the image when it starts, whatever it has in its flash. */
function setUp(chip: 'rp2040' | 'rp2350' = 'rp2040', bits = new Uint8Array(FLASH_BYTES).fill(0xff)): Bench {
  const usb = new FakeUsb();
  const board = new PluggedBoard(usb.clock, { image: IMAGE, serial: 'P-1' });
  const onReboot = (): void => {
    usb.unplug('1-1');
    usb.clock.after(START_MS, () => usb.plug('1-1', board));
  };
  const boot = new PluggedBootMode(usb.clock, { chip, bits, onReboot });
  usb.plug('1-1', boot);
  const flash = async (options: UsbFlashOptions = {}): Promise<UsbFlashResult> => {
    const target = { host: usb, info: usb.info('1-1'), chip };
    return await usb.clock.until(flashInBootMode(target, { image, pieces: PIECES }, { clock: usb.clock, ...options }));
  };
  return { usb, boot, board, flash };
}

/** What must lie in a flash: pieces, and in their sectors nothing else. */
function expected(bits: Uint8Array): Uint8Array<ArrayBuffer> {
  const flash = Uint8Array.from(bits);
  for (const { address, bytes } of PIECES) {
    const from = address - FLASH;
    flash.fill(0xff, from, from + Math.ceil(bytes.length / SECTOR_BYTES) * SECTOR_BYTES);
    flash.set(bytes, from);
  }
  return flash;
}

/** Where they differ first; -1 if they are the same. */
function differenceOf(bits: Uint8Array, wanted: Uint8Array): number {
  return Buffer.compare(bits, wanted) === 0 ? -1 : bits.findIndex((byte, index) => byte !== wanted[index]);
}

function randomBytes(seed: number, length: number): Uint8Array<ArrayBuffer> {
  const random = new Prng(seed);
  return Uint8Array.from({ length }, () => random.between(0, 255));
}

/** Sectors that are written, besides the image's. */
const SECTORS = 3 + 2 + Math.ceil(IMAGE.length / SECTOR_BYTES);

describe('a microcontroller in boot mode', () => {
  it.each(['rp2040', 'rp2350'] as const)('%s gets firmware and image, starts, and proves it', async (chip) => {
    const { boot, flash } = setUp(chip);
    const progress: number[] = [];
    const result = await flash({ onProgress: (done) => void progress.push(done) });
    expect(differenceOf(boot.bits, expected(new Uint8Array(FLASH_BYTES).fill(0xff)))).toBe(-1);
    // An erased log of slots is there already.
    const writtenBytes = (SECTORS - 2) * SECTOR_BYTES;
    expect(result).toMatchObject({ outcome: 'flashed', writtenBytes, keptBytes: 2 * SECTOR_BYTES, testedTokens: 4 });
    expect(result.hello).toMatchObject({ serial: 'P-1', image: { name: 'new', confirmed: true } });
    expect([progress[0], progress.at(-1)]).toEqual([2 * SECTOR_BYTES, SECTORS * SECTOR_BYTES]);
  });

  it('loses what it had there, and keeps what lies beside', async () => {
    const before = randomBytes(2, FLASH_BYTES);
    const { boot, flash } = setUp('rp2040', before.slice());
    expect(await flash()).toMatchObject({ writtenBytes: SECTORS * SECTOR_BYTES, keptBytes: 0 });
    expect(differenceOf(boot.bits, expected(before))).toBe(-1);
  });

  it('is started, and nothing is written, where all is there already', async () => {
    const { boot, flash } = setUp('rp2040', expected(new Uint8Array(FLASH_BYTES)));
    const bits = boot.bits.slice();
    expect(await flash()).toMatchObject({ outcome: 'already-there', writtenBytes: 0 });
    expect(differenceOf(boot.bits, bits)).toBe(-1);
  });

  it('says what would be written, and keeps its flash', async () => {
    const { usb, boot } = setUp('rp2040', randomBytes(3, FLASH_BYTES));
    const bits = boot.bits.slice();
    const target = { host: usb, info: usb.info('1-1'), chip: 'rp2040' } as const;
    const plan = await usb.clock.until(planInBootMode(target, PIECES));
    expect(plan).toEqual({ differingBytes: SECTORS * SECTOR_BYTES, totalBytes: SECTORS * SECTOR_BYTES });
    expect(differenceOf(boot.bits, bits)).toBe(-1);
  });

  it('whose cable comes out at any transfer starts nothing that is not whole, and takes the same command', async () => {
    const before = randomBytes(4, FLASH_BYTES);
    const after = expected(before);
    const uncut = setUp('rp2040', before.slice());
    await uncut.flash();
    const requests = uncut.usb.requests;
    let cuts = 0;
    for (let at = 0; at < requests; at += STEP, cuts++) {
      const { usb, boot, board, flash } = setUp('rp2040', before.slice());
      usb.onRequest = ({ index }) => (index === at ? 'unplug' : 'go-on');
      const error = await boardErrorOf(flash({ reconnectMs: 0 })).catch(() => undefined);
      // What starts is what it was, or what it becomes.
      const starting = [before, after].filter(
        (whole) => differenceOf(boot.bits.subarray(0, 256), whole.subarray(0, 256)) < 0,
      );
      expect(
        starting.filter((whole) => differenceOf(boot.bits, whole) >= 0),
        `cut at ${at}`,
      ).toEqual([]);
      if (error === undefined) continue;
      expect(error.code, `cut at ${at}`).toBe('board-lost');
      usb.unplug('1-1');
      usb.onRequest = () => 'go-on';
      await usb.clock.pass(START_MS);
      usb.unplug('1-1');
      // With its power back it is in boot mode, or the board.
      const isBoard = differenceOf(boot.bits, after) < 0;
      usb.plug('1-1', boot);
      expect((await flash()).outcome).toMatch(isBoard ? /already-there|flashed/ : /flashed/);
      expect(differenceOf(boot.bits, after)).toBe(-1);
      expect(board.running).not.toBe('');
    }
    expect(cuts).toBeGreaterThan(10);
  });

  it('is not believed that a flash is as large as its addresses: it stays in boot mode', async () => {
    const { boot, flash } = setUp('rp2040', new Uint8Array(128 * 1024 + 2 * SECTOR_BYTES).fill(0xff));
    const { code, fix } = await boardErrorOf(flash());
    expect(code).toBe('board-write-failed');
    expect(fix).toContain('MiB');
    expect(boot.bits.subarray(0, SECTOR_BYTES).every((byte) => byte === 0xff)).toBe(true);
  });

  it('takes nothing that does not lie within a flash', async () => {
    const { usb } = setUp();
    const client = await usb.clock.until(PicobootClient.open(usb, usb.info('1-1'), { clock: usb.clock }));
    const outside = [
      { address: FLASH - SECTOR_BYTES, bytes: FIRMWARE },
      { address: 0x10ff_f000, bytes: FIRMWARE },
      { address: FLASH + SECTOR_BYTES, bytes: FIRMWARE },
    ];
    for (const piece of outside) {
      await expect(usb.clock.until(programFlash(client, [piece]))).rejects.toBeInstanceOf(RangeError);
    }
  });

  it('is told to start as its chip is told: an RP2350 by REBOOT2', async () => {
    const { usb } = setUp('rp2350');
    const client = await usb.clock.until(PicobootClient.open(usb, usb.info('1-1'), { clock: usb.clock }));
    const { reason, code } = await boardErrorOf(usb.clock.until(client.reboot('rp2040')));
    expect([code, reason]).toEqual(['board-write-failed', 'It answers reboot with UNKNOWN_CMD.']);
    // The refusal is over: the next command is answered.
    await usb.clock.until(client.reboot('rp2350'));
  });
});
