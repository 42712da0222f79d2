/**
 * The binary for RP2040 over DFU: an image comes and is given back, wrong ones are refused, and after a power cut at any
 * moment the board says what it has, and takes the next one.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { picoFlash } from '../../firmware-host/virtual/pico/pico-flash.js';
import { count, figure } from '../helpers/counts.js';
import { recorded, statesOf } from '../helpers/flash-history.js';
import { goodImage } from '../helpers/good-image.js';
import { PicoDfu } from '../helpers/pico-dfu.js';

const BINARY = readFileSync(fileURLToPath(new URL('../../firmware/prebuilt/rp2040.bin', import.meta.url)));
const [OLD, NEW] = [goodImage(1), goodImage(2)];
const BEFORE = picoFlash(BINARY, OLD);
const STATES = count(2, 1_000_000);
const UPDATE_EVERY = count(2, 20);
/** Status and state. */
const OK = [0, 2];
const ERROR = 10;
const NO_IMAGE = 'Error: the upload is refused: 10, 10';

describe('the binary for RP2040 over DFU', () => {
  it('takes an image, and after a power cut at any moment the next one', { timeout: 7_200_000 }, () => {
    const { store, operations } = recorded(BEFORE.slice());
    const dfu = new PicoDfu(store);
    expect(hex(dfu.upload())).toBe(hex(OLD));
    expect(dfu.download(NEW)).toEqual(OK);
    expect(dfu.hello()).toMatchObject({ slots: 1, image: { confirmed: true } });
    expect(hex(dfu.upload())).toBe(hex(NEW));

    let tried = 0;
    let updated = 0;
    const found = { old: 0, new: 0, none: 0 };
    for (const [what, flash] of statesOf(BEFORE, operations, STATES)) {
      const next = new PicoDfu(memoryStore(flash));
      const { image } = next.hello();
      const bytes = image === undefined ? '' : hex(next.upload());
      const name = bytes === '' ? 'none' : bytes === hex(OLD) ? 'old' : bytes === hex(NEW) ? 'new' : 'wrong';
      expect({ what, isRight: name !== 'wrong' }).toEqual({ what, isRight: true });
      if (name !== 'wrong') found[name]++;
      if (++tried % UPDATE_EVERY !== 0) continue;
      // Without an image the upload ends in errFIRMWARE, which the next host clears.
      expect(image === undefined ? refusalOf(next) : NO_IMAGE).toBe(NO_IMAGE);
      next.clear();
      expect([what, ...next.download(NEW, 1000)]).toEqual([what, ...OK]);
      expect(hex(next.upload())).toBe(hex(NEW));
      updated++;
    }
    expect(found.none).toBeGreaterThan(0);
    figure(
      'firmware for RP2040: states of a power cut during a download over DFU; old image, new one, none, wrong one',
      `${tried}: ${found.old}, ${found.new}, ${found.none}, 0`,
    );
    figure('firmware for RP2040: of these, the board took the next download over DFU', String(updated));
  });

  it.skipIf(count(0, 1) === 0).each([
    ['that is none', new Uint8Array(8192), 1],
    ['with a damaged weight', changed(NEW, NEW.length - 4096), 7],
    ['with a byte behind its end', Uint8Array.of(...NEW, 0), 8],
    ['that ends too early', NEW.subarray(0, 5000), 9],
  ])('refuses an image %s, and takes the next one', { timeout: 600_000 }, (_, image, status) => {
    const dfu = new PicoDfu(memoryStore(BEFORE.slice()));
    expect(dfu.download(image)).toEqual([status, ERROR]);
    dfu.clear();
    expect(dfu.download(NEW)).toEqual(OK);
    expect(hex(dfu.upload())).toBe(hex(NEW));
  });
});

function refusalOf(dfu: PicoDfu): string {
  try {
    return `${dfu.upload().length} bytes`;
  } catch (error) {
    return String(error);
  }
}

function changed(image: Uint8Array, at: number): Uint8Array {
  const copy = image.slice();
  copy[at]! ^= 1;
  return copy;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
