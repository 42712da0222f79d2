import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fileStore, memoryStore } from '../../../../firmware-host/firmware/flash/flash-store.js';
import type { FlashStore } from '../../../../firmware-host/firmware/flash/flash-store.js';
import { NorFlash } from '../../../../firmware-host/firmware/flash/nor-flash.js';
import { PowerLost, TEAR_PATTERNS } from '../../../../firmware-host/firmware/flash/power-cut.js';
import { hasProgram } from '../../../helpers/system.js';

const SECTOR_BYTES = 4096;
const folder = mkdtempSync(join(tmpdir(), 'mmfree-store-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a flash in memory', () => {
  it('given its contents changes these, so that another start finds them', () => {
    const bits = new Uint8Array(SECTOR_BYTES).fill(0xff);
    memoryStore(bits).write(256, Uint8Array.of(1, 2));
    expect(bits.subarray(255, 259)).toEqual(Uint8Array.of(0xff, 1, 2, 0xff));
    expect(memoryStore(bits).read(256, 2)).toEqual(Uint8Array.of(1, 2));
  });
});

describe('a flash in a file', () => {
  it('is made erased, and is the same when it is opened again', () => {
    const path = join(folder, 'flash');
    const first = fileStore(path, 3 * 2 ** 20);
    expect(readFileSync(path).every((byte) => byte === 255)).toBe(true);
    new NorFlash(first, SECTOR_BYTES).programPage(4096, new Uint8Array(256).fill(7));
    first.close();
    const second = fileStore(path, 3 * 2 ** 20);
    expect(second.read(4096, 256)).toEqual(new Uint8Array(256).fill(7));
    expect(second.read(4352, 1)).toEqual(Uint8Array.of(255));
    second.close();
  });

  it('of another size is refused and not touched', () => {
    const path = join(folder, 'other');
    writeFileSync(path, 'something else');
    expect(() => fileStore(path, 4096)).toThrow('has 14 bytes');
    expect(readFileSync(path, 'utf8')).toBe('something else');
  });

  it('makes its folder, but no path that is wrong further up', () => {
    fileStore(join(folder, 'new', 'flash'), 4096).close();
    expect(readFileSync(join(folder, 'new', 'flash')).length).toBe(4096);
    expect(() => fileStore(join(folder, 'no', 'such', 'flash'), 4096)).toThrow('ENOENT');
  });

  it.each([256, 2 ** 20, 2 ** 20 + 256])('of %i bytes is made erased and exactly as long', (length) => {
    const path = join(folder, `new-${length}`);
    fileStore(path, length).close();
    const bytes = readFileSync(path);
    expect(bytes.length).toBe(length);
    expect(bytes.every((byte) => byte === 0xff)).toBe(true);
  });

  it.each([SECTOR_BYTES - 1, SECTOR_BYTES + 1])('that is to have 4,096 bytes is refused with %i', (length) => {
    const path = join(folder, `wrong-${length}`);
    writeFileSync(path, new Uint8Array(length));
    expect(() => fileStore(path, SECTOR_BYTES)).toThrow(RangeError);
    expect(readFileSync(path).length).toBe(length);
  });

  it.each([0, 1, SECTOR_BYTES - 1])('whose making was stopped after %i bytes is made to its end', (made) => {
    const path = join(folder, `unmade-${made}`);
    writeFileSync(path, new Uint8Array(made).fill(0xff));
    fileStore(path, SECTOR_BYTES).close();
    expect(readFileSync(path)).toEqual(Buffer.alloc(SECTOR_BYTES, 0xff));
  });

  it('for which the disk has no room is not left behind', () => {
    const path = join(folder, 'too-large');
    // More than any file system here takes.
    expect(() => fileStore(path, 2 ** 52)).toThrow(expect.objectContaining({ path }));
    expect(existsSync(path)).toBe(false);
  });

  it.skipIf(!hasProgram('mkfifo'))('is no pipe, for which nobody waits', () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    expect(() => fileStore(path, SECTOR_BYTES)).toThrow('is a pipe, not a regular file');
  });

  it('is for one program at a time by whatever name, and free again when that has ended', () => {
    const path = join(folder, 'locked');
    const store = fileStore(path, SECTOR_BYTES);
    linkSync(path, join(folder, 'hard'));
    symlinkSync(path, join(folder, 'symbolic'));
    for (const name of [path, join(folder, 'hard'), join(folder, 'symbolic')]) {
      expect(() => fileStore(name, SECTOR_BYTES)).toThrow(`${name} is in use by another program`);
    }
    store.close();
    fileStore(join(folder, 'hard'), SECTOR_BYTES).close();
    // What earlier versions left behind says nothing any more.
    writeFileSync(`${path}.lock`, String(process.pid));
    fileStore(path, SECTOR_BYTES).close();
  });

  it('is not opened where nothing can lock it', () => {
    const { PATH } = process.env;
    process.env['PATH'] = folder;
    try {
      expect(() => fileStore(join(folder, 'unlocked'), SECTOR_BYTES)).toThrow('this system has no flock');
    } finally {
      process.env['PATH'] = PATH;
    }
  });

  it('that is cut short while it is open is an error, not zeros', () => {
    const path = join(folder, 'short');
    const store = fileStore(path, SECTOR_BYTES);
    truncateSync(path, 100);
    expect(() => store.read(0, 256)).toThrow('cut short');
    store.close();
  });

  it.each(['before', 'after', ...TEAR_PATTERNS] as const)('cut %s holds after reopening what memory holds', (at) => {
    const path = join(folder, `cut-${at}`);
    const bits = new Uint8Array(SECTOR_BYTES).fill(0xff);
    const file = fileStore(path, SECTOR_BYTES);
    // The second operation is the one that the power cut hits.
    const lose = (store: FlashStore): void => {
      const flash = new NorFlash(store, SECTOR_BYTES);
      flash.cutPower({ at, afterOperations: 1, seed: 5 });
      flash.programPage(0, new Uint8Array(256).fill(0x11));
      flash.programPage(256, new Uint8Array(256).fill(0x22));
    };
    expect(() => lose(file)).toThrow(PowerLost);
    expect(() => lose(memoryStore(bits))).toThrow(PowerLost);
    file.close();
    const again = fileStore(path, SECTOR_BYTES);
    expect(again.read(0, SECTOR_BYTES)).toEqual(bits);
    again.close();
  });
});
