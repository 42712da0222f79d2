/** The flash by its data sheet: Winbond W25Q128JV, revision G. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../firmware-host/firmware/flash/flash-store.js';
import { PowerLost } from '../../../../firmware-host/firmware/flash/power-cut.js';
import { protectedArea } from '../../../../firmware-host/virtual/spi-flash/protected-area.js';
import { TYPICAL_TIMING } from '../../../../firmware-host/virtual/spi-flash/flash-cells.js';
import type { SpiFlashOptions } from '../../../../firmware-host/virtual/spi-flash/flash-cells.js';
import { SpiFlash } from '../../../../firmware-host/virtual/spi-flash/spi-flash.js';

const BYTES = 2 ** 17;
const MIB = 2 ** 20;
const KIB = 1024;

class Bench {
  nowMs = 0;
  readonly bits: Uint8Array;
  readonly flash: SpiFlash;

  constructor(options: Partial<SpiFlashOptions> & { readonly bytes?: number } = {}) {
    this.bits = new Uint8Array(options.bytes ?? BYTES).fill(0xff);
    this.flash = new SpiFlash({ store: memoryStore(this.bits), now: () => this.nowMs, ...options });
  }

  /** One command. @returns what came out in the `reads` bytes behind it */
  command(out: readonly number[], reads = 0): number[] {
    this.flash.select();
    for (const byte of out) this.flash.exchange(byte);
    const answer = Array.from({ length: reads }, () => this.flash.exchange(0));
    this.flash.deselect();
    return answer;
  }

  get status(): number {
    return this.command([0x05], 1)[0]!;
  }

  /** With write enable, and the time that it takes. */
  change(...out: number[]): void {
    this.command([0x06]);
    this.command(out);
    this.nowMs += 100_000;
  }
}

describe('what it says about itself', () => {
  it.each([
    ['JEDEC identity', [0x9f], [0xef, 0x40, 0x18, 0x00]],
    ['device identity', [0xab, 0, 0, 0], [0x17, 0x17]],
    ['manufacturer and device', [0x90, 0, 0, 0], [0xef, 0x17, 0xef]],
    ['device and manufacturer', [0x90, 0, 0, 1], [0x17, 0xef]],
    ['status 1 to 3', [0x05], [0x00, 0x00]],
    ['status 2', [0x35], [0x02, 0x02]],
    ['status 3', [0x15], [0x60]],
    ['a command that there is not', [0x00], [0xff]],
  ])('%s', (_, out, answer) => {
    expect(new Bench({ bytes: 16 * MIB }).command(out, answer.length)).toEqual(answer);
  });

  it('is nothing for parts that there are not', () => {
    for (const bytes of [3 * 65_536, 32 * MIB, 32_768]) {
      expect(() => new SpiFlash({ store: memoryStore(bytes), now: () => 0 })).toThrow(RangeError);
    }
  });
});

describe('reading', () => {
  it('goes on over the end of the part, also with a dummy byte behind the address', () => {
    const bench = new Bench();
    bench.bits.set([1, 2], BYTES - 2);
    bench.bits.set([3, 4], 0);
    expect(bench.command([0x03, 0x01, 0xff, 0xfe], 4)).toEqual([1, 2, 3, 4]);
    expect(bench.command([0x0b, 0x01, 0xff, 0xfe, 0x55], 4)).toEqual([1, 2, 3, 4]);
  });

  it('comes bit by bit as well', () => {
    const { flash } = new Bench();
    flash.select();
    expect([flash.exchange(0x9, 4), flash.exchange(0xf, 4)]).toEqual([0xf, 0xf]);
    expect([flash.exchange(0, 3), flash.exchange(0, 5), flash.exchange(0)]).toEqual([0b111, 0b01111, 0x40]);
  });

  it('without being selected gives what a pulled-up wire gives', () => {
    expect(new Bench().flash.exchange(0x9f)).toBe(0xff);
  });
});

describe('programming', () => {
  it('clears bits of a page, wraps at its end, and keeps of too many bytes the last', () => {
    const bench = new Bench();
    bench.change(0x02, 0, 1, 0xfe, 0x0f, 0x1f, 0x2f);
    expect([bench.bits[0x1fe], bench.bits[0x1ff], bench.bits[0x100], bench.bits[0x200]]).toEqual([
      0x0f, 0x1f, 0x2f, 0xff,
    ]);
    bench.change(0x02, 0, 1, 0xfe, 0xf5);
    expect([bench.bits[0x1fe], bench.flash.overwrites]).toEqual([0x05, 1]);
    bench.change(0x02, 0, 2, 0, ...Array.from({ length: 258 }, (_, index) => index & 0xff));
    expect(Array.from(bench.bits.subarray(0x200, 0x203))).toEqual([0, 1, 2]);
    expect([bench.bits[0x2ff], bench.bits[0x300]]).toEqual([255, 0xff]);
  });

  it('takes its time, in which only the status is read', () => {
    const bench = new Bench();
    bench.command([0x06]);
    expect(bench.status).toBe(0x02);
    bench.command([0x02, 0, 0, 0, 0x00]);
    expect([bench.status, bench.flash.isBusy]).toEqual([0x03, true]);
    expect(bench.command([0x03, 0, 0, 0], 1)).toEqual([0xff]);
    bench.command([0x06]);
    bench.command([0x02, 0, 0, 1, 0x00]);
    bench.nowMs = TYPICAL_TIMING.program - 0.001;
    expect(bench.status).toBe(0x03);
    bench.nowMs = TYPICAL_TIMING.program;
    expect([bench.status, bench.bits[0], bench.bits[1]]).toEqual([0x00, 0x00, 0xff]);
  });

  it('answers with a live status as long as it is selected', () => {
    const bench = new Bench();
    bench.command([0x06]);
    bench.command([0x02, 0, 0, 0, 0x00]);
    bench.flash.select();
    bench.flash.exchange(0x05);
    expect(bench.flash.exchange(0)).toBe(0x03);
    bench.nowMs = 1;
    expect(bench.flash.exchange(0)).toBe(0x00);
  });
});

describe('a command that is not whole, or not enabled, does nothing', () => {
  it.each<[string, (bench: Bench) => void]>([
    ['without write enable', (bench): unknown => bench.command([0x02, 0, 0, 0, 0])],
    [
      'after write disable',
      (bench): void => {
        bench.command([0x06]);
        bench.command([0x04]);
        bench.command([0x02, 0, 0, 0, 0]);
      },
    ],
    ['a page without data', (bench): void => bench.change(0x02, 0, 0, 0)],
    ['an erasure without its whole address', (bench): void => bench.change(0x20, 0, 0)],
    ['an erasure with a byte too many', (bench): void => bench.change(0xd8, 0, 0, 0, 0)],
    ['a bulk erasure with an address', (bench): void => bench.change(0xc7, 0)],
    [
      'a second one without a second write enable',
      (bench): void => {
        bench.change(0x04);
        bench.command([0x02, 0, 0, 0, 0]);
      },
    ],
    [
      'one that ends in the middle of a byte',
      (bench): void => {
        bench.command([0x06]);
        bench.flash.select();
        for (const byte of [0x02, 0, 0, 0, 0]) bench.flash.exchange(byte);
        bench.flash.exchange(0, 3);
        bench.flash.deselect();
      },
    ],
  ])('%s', (_, work) => {
    const bench = new Bench();
    bench.bits.fill(0x55);
    work(bench);
    expect([bench.flash.operations, bench.bits.every((byte) => byte === 0x55)]).toEqual([0, true]);
  });
});

describe('erasing', () => {
  it.each([
    ['4 KiB', 0x20, 4096, TYPICAL_TIMING.erase4KiB],
    ['32 KiB', 0x52, 32_768, TYPICAL_TIMING.erase32KiB],
    ['64 KiB', 0xd8, 65_536, TYPICAL_TIMING.erase64KiB],
  ])('%s takes the block that the address lies in', (_, opcode, length, ms) => {
    const bench = new Bench();
    bench.bits.fill(0);
    bench.command([0x06]);
    bench.command([opcode, 0x01, 0x34, 0x56]);
    bench.nowMs = ms - 0.01;
    expect(bench.status).toBe(0x03);
    bench.nowMs = ms;
    expect(bench.status).toBe(0x00);
    const start = 0x1_3456 - (0x1_3456 % length);
    expect(bench.bits.every((byte, at) => byte === (at >= start && at < start + length ? 0xff : 0))).toBe(true);
  });

  it.each([0xc7, 0x60])('everything (%d)', (opcode) => {
    const bench = new Bench();
    bench.bits.fill(0);
    bench.change(opcode);
    expect(bench.bits.every((byte) => byte === 0xff)).toBe(true);
  });
});

describe('a part that sleeps', () => {
  it('hears nothing but the wake-up, and a moment later everything', () => {
    const bench = new Bench();
    bench.command([0xb9]);
    expect([bench.flash.isAsleep, bench.command([0x9f], 1)]).toEqual([true, [0xff]]);
    bench.command([0xab]);
    bench.nowMs += 0.002;
    expect(bench.command([0x9f], 1)).toEqual([0xff]);
    bench.nowMs += 0.001;
    expect(bench.command([0x9f], 1)).toEqual([0xef]);
  });

  it('tells who it is while it is woken', () => {
    const bench = new Bench({ bytes: 16 * MIB });
    bench.command([0xb9]);
    expect(bench.command([0xab, 0, 0, 0], 1)).toEqual([0x17]);
  });
});

describe('a continuous read', () => {
  it.each([
    ['is not ended by a byte whose seventh bit is 0', [0x05], [0xff]],
    ['is ended by ones', [0xff], [0xef]],
    ['is ended by a wake-up', [0xab], [0xef]],
  ])('%s', (_, out, answer) => {
    const bench = new Bench();
    bench.flash.continueRead();
    expect(bench.command(out, 1)).toEqual([0xff]);
    expect(bench.command([0x90, 0, 0, 0], 1)).toEqual(answer);
  });
});

describe('a reset', () => {
  it('takes an enabling command just before', () => {
    const bench = new Bench();
    bench.command([0x06]);
    bench.command([0x99]);
    bench.command([0x66]);
    bench.command([0x05], 1);
    bench.command([0x99]);
    expect(bench.status).toBe(0x02);
    bench.command([0x66]);
    bench.command([0x99]);
    expect(bench.status).toBe(0x00);
  });
});

/** Table of section 7.1.7 to 7.1.9 of the data sheet: SEC, TB, BP2 … BP0, first byte, length. */
const PROTECTION = [
  [0, 0, 0, 0, 0],
  [0, 0, 1, 0xfc0000, 256 * KIB],
  [0, 0, 2, 0xf80000, 512 * KIB],
  [0, 0, 3, 0xf00000, MIB],
  [0, 0, 4, 0xe00000, 2 * MIB],
  [0, 0, 5, 0xc00000, 4 * MIB],
  [0, 0, 6, 0x800000, 8 * MIB],
  [0, 1, 1, 0, 256 * KIB],
  [0, 1, 6, 0, 8 * MIB],
  [0, 1, 7, 0, 16 * MIB],
  [1, 0, 1, 0xfff000, 4 * KIB],
  [1, 0, 2, 0xffe000, 8 * KIB],
  [1, 0, 3, 0xffc000, 16 * KIB],
  [1, 0, 4, 0xff8000, 32 * KIB],
  [1, 0, 5, 0xff8000, 32 * KIB],
  [1, 1, 1, 0, 4 * KIB],
  [1, 1, 5, 0, 32 * KIB],
  [1, 1, 7, 0, 16 * MIB],
] as const;

describe('protection', () => {
  it.each(PROTECTION)('SEC %d TB %d BP %d is from %d on %d bytes, or all the others', (sec, tb, bp, start, length) => {
    const status = (sec << 6) | (tb << 5) | (bp << 2);
    const bytesOf = ({ start: from, end }: { start: number; end: number }): number[] =>
      end > from ? [from, end - from] : [0, 0];
    expect(bytesOf(protectedArea(status, 0x02, 16 * MIB))).toEqual(length === 0 ? [0, 0] : [start, length]);
    const rest = length === 16 * MIB ? [0, 0] : [start === 0 ? length : 0, 16 * MIB - length];
    expect(bytesOf(protectedArea(status, 0x42, 16 * MIB))).toEqual(length === 0 ? [0, 16 * MIB] : rest);
  });

  it('keeps what touches it from being changed, and nothing else', () => {
    // The last 4 KiB.
    const bench = new Bench();
    bench.bits.fill(0);
    bench.flash.setStatus(0x44, 0x02);
    bench.change(0x20, 0x01, 0xf0, 0x00);
    bench.change(0xd8, 0x01, 0x00, 0x00);
    bench.change(0xc7);
    expect(bench.flash.operations).toBe(0);
    bench.change(0x20, 0x01, 0xe0, 0x00);
    expect([bench.flash.operations, bench.bits[0x1_efff], bench.bits[0x1_f000]]).toEqual([1, 0xff, 0]);
  });

  it('is written with the status registers, one or two at a time, which takes its time', () => {
    const bench = new Bench();
    bench.command([0x06]);
    bench.command([0x01, 0xff]);
    expect([bench.status & 0x01, bench.flash.status]).toEqual([0x01, [0xfc, 0x02, 0x60]]);
    bench.nowMs = TYPICAL_TIMING.writeStatus;
    bench.change(0x01, 0x1c, 0x40);
    expect(bench.flash.status).toEqual([0x1c, 0x42, 0x60]);
    bench.change(0x31, 0x00);
    bench.change(0x11, 0x04);
    expect(bench.flash.status).toEqual([0x1c, 0x02, 0x04]);
    bench.command([0x50]);
    bench.command([0x01, 0x00]);
    expect(bench.flash.status[0]).toBe(0);
  });

  it('is not written while the pin holds it', () => {
    const bench = new Bench({ isWpLow: true });
    bench.change(0x01, 0x9c);
    bench.change(0x01, 0x00);
    expect(bench.flash.status[0]).toBe(0x9c);
  });
});

describe('power', () => {
  it('that is cut at an operation leaves the part silent until it comes back', () => {
    const bench = new Bench();
    bench.bits.fill(0);
    bench.flash.cutPower({ afterOperations: 1, at: 'first-part', seed: 3 });
    bench.change(0x20, 0, 0, 0);
    expect(() => bench.change(0x20, 0, 0x10, 0)).toThrow(PowerLost);
    expect(bench.command([0x9f], 1)).toEqual([0xff]);
    const erased = bench.bits.subarray(4096, 8192).filter((byte) => byte === 0xff).length;
    expect(erased).toBeGreaterThan(0);
    expect(erased).toBeLessThan(4096);
    bench.flash.powerUp();
    expect([bench.command([0x9f], 1), bench.status]).toEqual([[0xef], 0]);
  });

  it('that goes while the part is busy tears what it does; later it tears nothing', () => {
    for (const [waitMs, isTorn] of [
      [1, true],
      [45, false],
    ] as const) {
      const bench = new Bench();
      bench.bits.fill(0);
      bench.command([0x06]);
      bench.command([0x20, 0, 0, 0]);
      bench.nowMs += waitMs;
      bench.flash.powerDown(5);
      expect(bench.bits.subarray(0, 4096).some((byte) => byte !== 0xff)).toBe(isTorn);
      expect(bench.bits.subarray(4096).every((byte) => byte === 0)).toBe(true);
    }
  });
});

it('nothing that a host clocks in breaks it, or sets a bit without an erasure', () => {
  const ERASURES = new Set([0x20, 0x52, 0xd8, 0xc7, 0x60]);
  const byte = fc.nat(255);
  const command = fc.array(byte, { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(fc.tuple(command, fc.nat(8), fc.boolean()), { maxLength: 30 }), (commands) => {
      const bench = new Bench();
      bench.bits.fill(0x5a);
      let mayErase = false;
      for (const [out, spareBits, isEnabled] of commands) {
        if (isEnabled) bench.command([0x06]);
        mayErase ||= ERASURES.has(out[0] ?? 0);
        bench.flash.select();
        for (const value of out) bench.flash.exchange(value);
        if (spareBits < 8) bench.flash.exchange(0x7f, spareBits + 1);
        bench.flash.deselect();
        bench.nowMs += 20;
      }
      expect(mayErase || bench.bits.every((value) => (value & ~0x5a) === 0)).toBe(true);
    }),
    { numRuns: 200 },
  );
});
