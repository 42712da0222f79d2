import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES, PAGE_BYTES, planProgram, SECTOR_BYTES, spansOf } from '../../../device/spi-flash/program-plan.js';

describe('segments', () => {
  it('become spans of whole sectors, none of which goes over the end of a block', () => {
    const bytes = new Uint8Array(70_000);
    const spans = spansOf([
      { offset: BLOCK_BYTES - 10, bytes },
      { offset: 5000, bytes: new Uint8Array(1) },
      { offset: 9, bytes: new Uint8Array(0) },
    ]);
    expect(spans.map(({ offset, length, pieces }) => [offset, length, pieces.map((piece) => piece.offset)])).toEqual([
      [4096, BLOCK_BYTES - 4096, [5000, BLOCK_BYTES - 10]],
      [BLOCK_BYTES, BLOCK_BYTES, [BLOCK_BYTES]],
      [2 * BLOCK_BYTES, 8192, [2 * BLOCK_BYTES]],
    ]);
  });

  it.each([
    ['overlap', [5, 14]],
    ['begin before the flash', [-1, 20]],
    ['begin between two bytes', [0.5, 20]],
  ])('that %s are refused', (_, offsets) => {
    const segments = offsets.map((offset) => ({ offset, bytes: new Uint8Array(10) }));
    expect(() => spansOf(segments)).toThrow(RangeError);
  });
});

describe('a plan', () => {
  it('carried out on a flash makes it hold what is wanted, and touches nothing that it holds already', () => {
    // Pages that are erased, or hold one of two contents.
    const page = fc.constantFrom(0xff, 0x0f, 0xf0);
    const sectors = fc.integer({ min: 1, max: 16 });
    fc.assert(
      fc.property(sectors, fc.boolean(), fc.infiniteStream(page), (count, isAligned, contents) => {
        const length = count * SECTOR_BYTES;
        const offset = isAligned ? BLOCK_BYTES : BLOCK_BYTES + (16 - count) * SECTOR_BYTES;
        const fill = (): Uint8Array => {
          const bytes = new Uint8Array(length);
          for (let at = 0; at < length; at += PAGE_BYTES)
            bytes.fill(contents.next().value as number, at, at + PAGE_BYTES);
          return bytes;
        };
        const [old, wanted] = [fill(), fill()];
        const flash = old.slice();
        const { erasures, pages } = planProgram(offset, old, wanted);
        for (const { offset: at, length: bytes } of erasures) {
          expect(at % bytes).toBe(0);
          const from = at - offset;
          expect(Buffer.compare(old.subarray(from, from + bytes), wanted.subarray(from, from + bytes))).not.toBe(0);
          flash.fill(0xff, from, from + bytes);
        }
        for (const at of pages) {
          const from = at - offset;
          expect(flash.subarray(from, from + PAGE_BYTES).every((byte) => byte === 0xff)).toBe(true);
          flash.set(wanted.subarray(from, from + PAGE_BYTES), from);
        }
        expect(Buffer.compare(flash, wanted)).toBe(0);
      }),
    );
  });
});
