import { describe, expect, it } from 'vitest';
import { BOOT_TABLE_SECTORS, BootTable } from '../../../../firmware-host/firmware/flash/boot-table.js';
import type { BootEntry } from '../../../../firmware-host/firmware/flash/boot-table.js';
import { memoryStore } from '../../../../firmware-host/firmware/flash/flash-store.js';
import { NorFlash, PAGE_BYTES } from '../../../../firmware-host/firmware/flash/nor-flash.js';
import { TEAR_PATTERNS } from '../../../../firmware-host/firmware/flash/power-cut.js';
import type { PowerCut } from '../../../../firmware-host/firmware/flash/power-cut.js';
import { isCut } from '../../../helpers/power.js';
import { Prng } from '../../../oracle/prng.js';

const SECTOR_BYTES = 4096;
const BYTES = BOOT_TABLE_SECTORS * SECTOR_BYTES;
const RECORDS = (BOOT_TABLE_SECTORS * SECTOR_BYTES) / PAGE_BYTES;

/** The entry number `index` of a table that always changes. */
const entry = (index: number): BootEntry => ({ slot: index & 1, confirmed: (index & 2) !== 0 });

function tableOn(bits: Uint8Array, cut?: PowerCut): BootTable {
  const flash = new NorFlash(memoryStore(bits), SECTOR_BYTES);
  if (cut !== undefined) flash.cutPower(cut);
  return new BootTable(flash);
}

const erased = (): Uint8Array => new Uint8Array(BYTES).fill(0xff);

describe('a boot table', () => {
  it('has no entry when it is erased', () => {
    expect(tableOn(erased()).read()).toBeUndefined();
  });

  it('gives the entry that was written last, through both sectors and round again', () => {
    const bits = erased();
    for (let index = 0; index < 3 * RECORDS; index++) {
      tableOn(bits).write(entry(index));
      expect(tableOn(bits).read()).toMatchObject(entry(index));
    }
  });

  it('writes its record when all before it is safe, and is done when that is safe too', () => {
    const store = memoryStore(erased());
    const calls: string[] = [];
    const flash = new NorFlash(
      {
        ...store,
        write: (offset, bytes) => {
          calls.push(`write ${offset}`);
          store.write(offset, bytes);
        },
        sync: () => calls.push('sync'),
      },
      SECTOR_BYTES,
    );
    const table = new BootTable(flash);
    for (let index = 0; index < 17; index++) table.write(entry(index));
    expect(calls.slice(0, 3)).toEqual(['sync', 'write 0', 'sync']);
    expect(calls.slice(-4)).toEqual(['write 4096', 'sync', 'write 4096', 'sync']);
  });

  it('writes nothing when nothing changes', () => {
    const bits = erased();
    tableOn(bits).write(entry(1));
    const before = bits.slice();
    tableOn(bits).write(entry(1));
    expect(bits).toEqual(before);
  });

  it.each([...TEAR_PATTERNS, 'before', 'after'] as const)(
    'gives the entry before or the new one when the power goes %s in any operation',
    (at) => {
      const bits = erased();
      for (let index = 0; index < 2 * RECORDS + 3; index++) {
        for (const seed of [1, 2, 3, 4]) {
          for (const afterOperations of [0, 1]) {
            const left = bits.slice();
            const old = tableOn(left).read();
            if (!isCut(() => tableOn(left, { at, seed, afterOperations }).write(entry(index)))) continue;
            const found = tableOn(left).read();
            const allowed = [old, { ...entry(index), sequence: (found as { sequence?: number })?.sequence }];
            expect(allowed.map(plain)).toContainEqual(plain(found));
            // And it can be written on.
            tableOn(left).write(entry(index + 1));
            expect(tableOn(left).read()).toMatchObject(entry(index + 1));
          }
        }
        tableOn(bits).write(entry(index));
      }
    },
  );

  it('takes no garbage for an entry, and can be written over it', () => {
    const random = new Prng(7);
    const garbage = Uint8Array.from({ length: BYTES }, () => random.next() & 255);
    expect(tableOn(garbage).read()).toBeUndefined();
    tableOn(garbage).write(entry(2));
    expect(tableOn(garbage).read()).toMatchObject(entry(2));
  });

  it('takes a record with any bit changed for none', () => {
    const bits = erased();
    tableOn(bits).write(entry(3));
    for (let bit = 0; bit < 8 * 16; bit++) {
      const damaged = bits.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(tableOn(damaged).read()).toBeUndefined();
    }
  });
});

function plain(found: BootEntry | undefined): string {
  return found === undefined ? 'none' : `${found.slot} ${found.confirmed}`;
}
