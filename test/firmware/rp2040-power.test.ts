/**
 * Power cuts of the binary for RP2040: every operation of its flash while it takes an image, before, after and torn.
 * What is found in the flash then is what the next start finds: the old image or the new one, and with one slot perhaps
 * none; never one whose bytes are not right.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { IMAGE_OFFSET, picoFlash } from '../../firmware-host/virtual/pico/pico-flash.js';
import { packageFile } from '../../model/package-file.js';
import { IMAGE_PREFIX_BYTES } from '../../protocol/image/image-prefix.js';
import { sealBytes } from '../../protocol/image/image-seal.js';
import type { Hello } from '../../protocol/wire/messages-board.js';
import {
  CONFIRM,
  FLASH_BEGIN,
  FLASH_END,
  FLASH_ENDED,
  FLASH_READY,
  FLASH_WRITE,
  FLASH_WRITE_BYTES,
} from '../../protocol/wire/messages-flash.js';
import { DONE } from '../../protocol/wire/messages-run.js';
import { count, figure } from '../helpers/counts.js';
import { recorded, statesOf } from '../helpers/flash-history.js';
import { goodImage, goodImageOf } from '../helpers/good-image.js';
import { PicoHost } from '../helpers/pico-host.js';
import { TINY_SHAPE, tinySections } from '../helpers/tiny-image.js';

const BINARY = readFileSync(fileURLToPath(new URL('../../firmware/prebuilt/rp2040.bin', import.meta.url)));
/** Of what the linker leaves beside what is to be free; a prompt takes more: firmware/ports/rp2040/rp2040.ld. */
const MOST_STACK_BYTES = 1280;
const MEGABYTE = 2 ** 20;

const OLD = goodImage(1);
/** In the long run 60 KB, of which every page is written. */
const NEW =
  count(0, 1) === 0 ? goodImage(2) : goodImageOf(tinySections(2, { ...TINY_SHAPE, vocabSize: 1700, hiddenSize: 20 }));

function update(host: PicoHost, image: Uint8Array): void {
  const seal = image.subarray(image.length - sealBytes(false));
  const prefix = image.subarray(0, IMAGE_PREFIX_BYTES);
  host.ask(FLASH_BEGIN, { imageLength: image.length, prefix, seal }, FLASH_READY);
  for (let offset = 0; offset < image.length; offset += FLASH_WRITE_BYTES) {
    host.send(FLASH_WRITE, { offset, data: image.subarray(offset, offset + FLASH_WRITE_BYTES) });
  }
  host.ask(FLASH_END, {}, FLASH_ENDED);
  host.ask(CONFIRM, {}, DONE);
}

/** Which of the two images runs, whose bytes are where the board says that it is. */
function running(
  { image }: Hello,
  flash: Uint8Array,
  slots: number,
  seals: { readonly old: Uint8Array; readonly new: Uint8Array } = { old: OLD, new: NEW },
): 'old' | 'new' | 'none' | 'wrong' {
  if (image === undefined) return 'none';
  for (const [name, bytes] of Object.entries(seals) as ['old' | 'new', Uint8Array][]) {
    if (Buffer.compare(image.sha256, bytes.subarray(bytes.length - 32)) !== 0) continue;
    const slotBytes = Math.floor((flash.length - IMAGE_OFFSET) / 4096 / slots) * 4096;
    const places = Array.from({ length: slots }, (_, slot) => IMAGE_OFFSET + slot * slotBytes);
    const isThere = places.some((at) => Buffer.compare(flash.subarray(at, at + bytes.length), bytes) === 0);
    return isThere ? name : 'wrong';
  }
  return 'wrong';
}

const UPDATE_EVERY = count(2, 100);
const TALES_STATES = 1000;
const STATES = count(2, 1_000_000);

describe('power cuts of the binary for RP2040', () => {
  it.each([
    ['one slot', 2, 1],
    ['two slots', 8, 2],
  ])('leave what the next start finds, with %s', { timeout: 7_200_000 }, (_, megabytes, slots) => {
    const before = picoFlash(BINARY, OLD, megabytes * MEGABYTE);
    const { store, operations } = recorded(before.slice());
    const host = new PicoHost(store);
    expect(host.hello()).toMatchObject({ slots, serial: 'D2641C218358362B' });
    update(host, NEW);
    expect(host.stackBytes).toBeLessThan(MOST_STACK_BYTES);
    figure(`firmware for RP2040, ${slots} slots: bytes of stack while it takes an image`, `${host.stackBytes}`);

    let tried = 0;
    let updated = 0;
    for (const [what, flash] of statesOf(before, operations, STATES)) {
      const next = new PicoHost(memoryStore(flash));
      const found = running(next.hello(), flash, slots);
      const allowed = slots === 2 ? ['old', 'new'] : ['old', 'new', 'none'];
      expect({ what, found: allowed.includes(found) ? 'right' : found }).toEqual({ what, found: 'right' });
      tried++;
      if (tried % UPDATE_EVERY !== 0) continue;
      update(next, NEW);
      expect({ what, found: running(new PicoHost(memoryStore(flash)).hello(), flash, slots) }).toEqual({
        what,
        found: 'new',
      });
      updated++;
    }
    figure(
      `firmware for RP2040, ${slots} slots: states of a power cut, each found right at the next start`,
      `${tried}`,
    );
    figure(`firmware for RP2040, ${slots} slots: of these, the board took the next update`, `${updated}`);
  });

  it.skipIf(count(0, 1) === 0)('leave what the next start finds while tales-4m comes', { timeout: 7_200_000 }, () => {
    const tales = readFileSync(packageFile('models/tales-4m/tales-4m.mmfree'));
    const before = picoFlash(BINARY, OLD);
    const { store, operations } = recorded(before.slice());
    const host = new PicoHost(store);
    host.hello();
    update(host, tales);
    const found = { old: 0, new: 0, none: 0, wrong: 0 };
    let tried = 0;
    for (const [what, flash] of statesOf(before, operations, TALES_STATES)) {
      const runs = running(new PicoHost(memoryStore(flash)).hello(), flash, 1, { old: OLD, new: tales });
      expect({ what, isRight: runs !== 'wrong' }).toEqual({ what, isRight: true });
      found[runs]++;
      tried++;
    }
    const what = 'firmware for RP2040: states of a power cut while tales-4m comes; old image, new one, none, wrong one';
    figure(what, `${tried}: ${Object.values(found).join(', ')}`);
  });
});
