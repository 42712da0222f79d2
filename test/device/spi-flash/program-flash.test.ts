/** The programmer against a whole virtual board: FT2232H, SPI flash and FPGA, written from other documents. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { programFlash } from '../../../device/spi-flash/program-flash.js';
import type { ProgramFlashOptions, ProgramReport } from '../../../device/spi-flash/program-flash.js';
import type { FlashSegment } from '../../../device/spi-flash/program-plan.js';
import { PowerLost, TEAR_PATTERNS } from '../../../firmware-host/firmware/flash/power-cut.js';
import { xorshift } from '../../../firmware-host/random.js';
import { bitstream } from '../../helpers/bitstream.js';
import { count } from '../../helpers/counts.js';
import { boardErrorOf, FakeUsb } from '../../helpers/fake-usb.js';
import { FLASH_BYTES, PluggedFpgaBoard } from '../../helpers/plugged-fpga-board.js';
import type { PluggedFpgaBoardOptions } from '../../helpers/plugged-fpga-board.js';

interface Desk {
  readonly usb: FakeUsb;
  readonly plugged: PluggedFpgaBoard;
  /** Programs the flash, in the time of the test. */
  readonly program: (
    segments: readonly FlashSegment[],
    options?: Partial<ProgramFlashOptions>,
  ) => Promise<ProgramReport>;
}

function desk(options?: PluggedFpgaBoardOptions): Desk {
  const usb = new FakeUsb();
  const plugged = new PluggedFpgaBoard(usb.clock, options);
  usb.plug('1-1', plugged);
  const program: Desk['program'] = async (segments, extra = {}) =>
    await usb.clock.until(programFlash(usb, usb.info('1-1'), segments, { clock: usb.clock, clockHz: 15e6, ...extra }));
  return { usb, plugged, program };
}

function random(length: number, seed: number): Uint8Array {
  const next = xorshift(seed);
  return Uint8Array.from({ length }, () => next() & 0xff);
}

describe('a flash that the gateware cannot read from', () => {
  it.each([
    ['Macronix', 0xc2],
    ['ISSI', 0x9d],
    ['Micron', 0x20],
    ['unknown', 0x55],
  ])('of %s is refused before anything is written, unless it is for other gateware', async (manufacturer, maker) => {
    const { plugged, program } = desk({ maker });
    const segments = [{ offset: 0, bytes: bitstream(1) }];
    const error = await boardErrorOf(program(segments, { forGateware: true }));
    expect(error).toMatchObject({ code: 'board-not-flashable', facts: { manufacturer } });
    expect(plugged.board.flash.operations).toBe(0);
    expect(plugged.bits.every((byte) => byte === 0xff)).toBe(true);
    expect(await program(segments)).toMatchObject({ flash: { manufacturer }, isConfigured: true });
  });

  it('is none of Winbond or GigaDevice', async () => {
    for (const maker of [0xef, 0xc8]) {
      const report = await desk({ maker }).program([{ offset: 0, bytes: bitstream(1) }], { forGateware: true });
      expect(report.isConfigured).toBe(true);
    }
  });
});

describe('programming', () => {
  it('writes what differs, lets the FPGA start from it, and does nothing the second time', async () => {
    const { plugged, program } = desk();
    const [code, image] = [bitstream(1), random(70_000, 2)];
    const segments = [
      { offset: 0, bytes: code },
      { offset: 0x4_0000, bytes: image },
    ];
    const progress: number[] = [];
    const report = await program(segments, { onProgress: (done) => progress.push(done) });
    expect(report).toMatchObject({
      flash: { jedecId: 'ef4014', manufacturer: 'Winbond', flashBytes: FLASH_BYTES, protection: '' },
      erasedBytes: 0,
      programmedBytes: 256 + 256 * Math.ceil(image.length / 256),
      isConfigured: true,
    });
    expect(progress).toEqual([code.length, code.length + 65_536, code.length + image.length]);
    expect(plugged.bits.subarray(0, code.length)).toEqual(code);
    expect(plugged.bits.subarray(0x4_0000, 0x4_0000 + image.length)).toEqual(image);
    expect(plugged.board.fpga.isHeld).toBe(false);

    const { operations } = plugged.board.flash;
    expect(await program(segments)).toMatchObject({ erasedBytes: 0, programmedBytes: 0, isConfigured: true });
    expect(plugged.board.flash.operations).toBe(operations);
  });

  it('erases whole blocks where it can, sectors elsewhere, and keeps what lies beside the segments', async () => {
    const bits = random(FLASH_BYTES, 3);
    const before = bits.slice();
    const { plugged, program } = desk({ bits });
    const bytes = random(65_536 + 5000, 4);
    const report = await program([{ offset: 0x1_0000, bytes }]);
    expect(report.erasedBytes).toBe(65_536 + 8192);
    const wanted = before.slice();
    wanted.set(bytes, 0x1_0000);
    expect(Buffer.compare(plugged.bits, wanted)).toBe(0);
    expect(plugged.board.flash.overwrites).toBe(0);
  });

  it('only says what it would do, if told so, and restarts the FPGA', async () => {
    const { plugged, program } = desk({ bits: random(FLASH_BYTES, 5) });
    const before = plugged.bits.slice();
    const report = await program([{ offset: 4096, bytes: random(300, 6) }], { dryRun: true });
    expect(report).toMatchObject({ erasedBytes: 4096, programmedBytes: 4096, isConfigured: false });
    expect([Buffer.compare(plugged.bits, before), plugged.board.flash.operations]).toEqual([0, 0]);
    expect([plugged.board.fpga.isHeld, plugged.board.fpga.starts]).toEqual([false, 2]);
  });

  it('wakes a flash that the FPGA has sent to sleep', async () => {
    const { usb, plugged, program } = desk();
    await program([{ offset: 0, bytes: bitstream(1) }]);
    await usb.clock.pass(1000);
    expect([plugged.board.fpga.isConfigured, plugged.board.flash.isAsleep]).toEqual([true, true]);
    expect(await program([{ offset: 0, bytes: bitstream(2) }])).toMatchObject({ isConfigured: true });
  });

  it('ends the continuous read in which the gateware was stopped', async () => {
    const { usb, plugged, program } = desk({ readsOn: true });
    await program([{ offset: 0, bytes: bitstream(1) }]);
    await usb.clock.pass(1000);
    expect(await program([{ offset: 0, bytes: bitstream(2) }])).toMatchObject({ isConfigured: true });
    expect(plugged.bits.subarray(0, bitstream(2).length)).toEqual(bitstream(2));
  });

  it('waits for a flash that is slower than usual', async () => {
    const slow = { program: 3, erase4KiB: 400, erase32KiB: 1600, erase64KiB: 2000, eraseAll: 2e5, writeStatus: 15 };
    const { plugged, program } = desk({ bits: random(FLASH_BYTES, 7), timing: slow });
    const bytes = random(80_000, 8);
    await program([{ offset: 0x2_0000, bytes }]);
    expect(plugged.bits.subarray(0x2_0000, 0x2_0000 + bytes.length)).toEqual(bytes);
    expect(plugged.board.flash.overwrites).toBe(0);
  });

  it.each([30e6, 6e6, 1e6])('works at %d Hz', async (clockHz) => {
    const { plugged, program } = desk();
    const bytes = random(1000, 9);
    await program([{ offset: 0, bytes }], { clockHz });
    expect(plugged.bits.subarray(0, 1000)).toEqual(bytes);
  });

  it('of any segments leaves exactly these bytes changed', async () => {
    const segment = fc.record({ offset: fc.nat(FLASH_BYTES - 1), length: fc.integer({ min: 0, max: 9000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(segment, { maxLength: 4 }), fc.nat(), fc.boolean(), async (places, seed, isErased) => {
        const bits = isErased ? new Uint8Array(FLASH_BYTES).fill(0xff) : random(FLASH_BYTES, seed + 1);
        const wanted = bits.slice();
        const segments: FlashSegment[] = [];
        let end = 0;
        for (const { offset, length } of places.toSorted((a, b) => a.offset - b.offset)) {
          if (offset < end || offset + length > FLASH_BYTES) continue;
          end = offset + length;
          segments.push({ offset, bytes: random(length, seed + offset + 1) });
          wanted.set(segments.at(-1)!.bytes, offset);
        }
        const { plugged, program } = desk({ bits });
        await program(segments);
        expect(Buffer.compare(plugged.bits, wanted)).toBe(0);
        expect(plugged.board.flash.overwrites).toBe(0);
      }),
      { numRuns: 20 },
    );
  });
});

describe('what cannot be', () => {
  it('is refused with the flash as it was, and the FPGA let go', async () => {
    const { plugged, program } = desk();
    const error = await boardErrorOf(program([{ offset: FLASH_BYTES - 10, bytes: random(11, 1) }]));
    expect(error).toMatchObject({ code: 'board-image-too-large', facts: { flash_bytes: FLASH_BYTES } });
    expect([plugged.board.flash.operations, plugged.board.fpga.isHeld]).toEqual([0, false]);
  });

  it('is refused for segments that overlap, before the device is opened', async () => {
    const { usb, program } = desk();
    const segments = [
      { offset: 0, bytes: random(300, 1) },
      { offset: 299, bytes: random(10, 1) },
    ];
    await expect(program(segments)).rejects.toThrow(RangeError);
    expect(usb.requests).toBe(0);
  });
});

describe('a write-protected flash', () => {
  it('is refused before anything is changed', async () => {
    const { plugged, program } = desk();
    plugged.board.flash.setStatus(0x1c, 0x02);
    const error = await boardErrorOf(program([{ offset: 0, bytes: random(10, 1) }]));
    expect(error).toMatchObject({ code: 'board-write-protected', facts: { protection: 'BP0 BP1 BP2' } });
    expect([plugged.board.flash.operations, plugged.board.fpga.isHeld]).toEqual([0, false]);
  });

  it('is no obstacle if there is nothing to write', async () => {
    const bits = random(FLASH_BYTES, 1);
    const { plugged, program } = desk({ bits });
    plugged.board.flash.setStatus(0x1c, 0x02);
    expect(await program([{ offset: 100, bytes: bits.slice(100, 5000) }])).toMatchObject({ programmedBytes: 0 });
  });

  it.each([
    [0x1c, 0x02],
    [0x24, 0x42],
    [0x00, 0x42],
    [0x7c, 0x02],
  ])(
    'with status %d %d is written after its protection was cleared, which leaves the rest alone',
    async (...status) => {
      const { plugged, program } = desk();
      plugged.board.flash.setStatus(...status);
      // The first and the last sector, either of which is protected.
      const bytes = random(10, 1);
      const places = [0, FLASH_BYTES - 10];
      await program(
        places.map((offset) => ({ offset, bytes })),
        { unprotect: true },
      );
      expect(places.map((offset) => plugged.bits.slice(offset, offset + 10))).toEqual([bytes, bytes]);
      expect(plugged.board.flash.status).toEqual([0, 0x02, 0x60]);
    },
  );

  it('whose pin holds the protection says so', async () => {
    const { plugged, program } = desk({ isWpLow: true });
    plugged.board.flash.setStatus(0x84, 0x02);
    const error = await boardErrorOf(program([{ offset: 0, bytes: random(10, 1) }], { unprotect: true }));
    expect(error).toMatchObject({ code: 'board-write-protected', reason: expect.stringMatching(/WP# pin/) });
    expect([plugged.board.flash.operations, plugged.board.fpga.isHeld]).toEqual([0, false]);
  });
});

/** Two sectors that are erased, and 9 pages in them. */
const OLD = random(FLASH_BYTES, 21);
const CHANGE: FlashSegment = { offset: 4096 - 256 * 4, bytes: random(256 * 9, 22) };
const WANTED = OLD.slice();
WANTED.set(CHANGE.bytes, CHANGE.offset);
/** From one operation or transfer at which it happens to the next: each in the long run. */
const STEP = count(4, 1);

describe('an interruption', () => {
  it('by a power cut at any operation of the flash, in any way, is made good by repeating', async () => {
    const { plugged, program } = desk({ bits: OLD.slice() });
    await program([CHANGE]);
    const { operations } = plugged.board.flash;
    expect(operations).toBe(2 + 32);
    let cuts = 0;
    for (let afterOperations = 0; afterOperations < operations; afterOperations += STEP) {
      for (const at of ['before', 'after', ...TEAR_PATTERNS] as const) {
        const cut = desk({ bits: OLD.slice() });
        cut.plugged.board.flash.cutPower({ afterOperations, at, seed: 1 + cuts++ });
        const error = await boardErrorOf(cut.program([CHANGE]));
        expect([error.code, (error.cause as Error).name]).toEqual(['board-lost', new PowerLost().name]);
        cut.usb.unplug('1-1');
        expectOnlyTheseSectorsTouched(cut.plugged.bits);
        cut.usb.plug('1-1', cut.plugged);
        // What was kept of the two sectors is in the segment, so that nothing is missing afterwards.
        const whole = { offset: 0, bytes: WANTED.subarray(0, 8192) };
        await cut.program([whole]);
        expect(Buffer.compare(cut.plugged.bits, WANTED)).toBe(0);
        expect(cut.plugged.board.flash.overwrites).toBe(0);
      }
    }
    expect(cuts).toBe(Math.ceil(operations / STEP) * 6);
  });

  it('by unplugging at any transfer is told as such, and made good by repeating', async () => {
    const whole = { offset: 0, bytes: WANTED.subarray(0, 8192) };
    const { usb, program } = desk({ bits: OLD.slice() });
    await program([whole]);
    const transfers = usb.requests;
    expect(transfers).toBeGreaterThan(25);
    for (let index = 0; index < transfers; index += STEP) {
      const cut = desk({ bits: OLD.slice() });
      cut.usb.onRequest = (request) => (request.index === index ? 'unplug' : 'go-on');
      const error = await boardErrorOf(cut.program([whole]));
      expect(error.code).toBe('board-lost');
      expectOnlyTheseSectorsTouched(cut.plugged.bits);
      cut.usb.plug('1-1', cut.plugged);
      await cut.program([whole]);
      expect(Buffer.compare(cut.plugged.bits, WANTED)).toBe(0);
      expect(cut.plugged.board.fpga.isHeld).toBe(false);
    }
  });

  it('by the user ends between two steps, with the FPGA let go', async () => {
    const { plugged, program } = desk({ bits: OLD.slice() });
    const stop = new AbortController();
    const work = program([{ offset: 0, bytes: random(200_000, 1) }], {
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(work).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    expect(plugged.board.fpga.isHeld).toBe(false);
    expect(Buffer.compare(plugged.bits.subarray(65_536), OLD.subarray(65_536))).toBe(0);
  });
});

function expectOnlyTheseSectorsTouched(bits: Uint8Array): void {
  expect(Buffer.compare(bits.subarray(8192), OLD.subarray(8192))).toBe(0);
}
