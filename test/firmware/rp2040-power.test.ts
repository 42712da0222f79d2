/**
 * Power cuts of the binary for RP2040: every operation of its flash while it takes an image, before, after and torn.
 * What is found in the flash then is what the next start finds: the old image or the new one, and with one slot perhaps
 * none; never one whose bytes are not right.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import type { FlashStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { tear, TEAR_PATTERNS } from '../../firmware-host/firmware/flash/power-cut.js';
import { FIRMWARE_BYTES, logAndSlot } from '../../firmware-host/virtual/pico/pico-flash.js';
import { count, figure } from '../helpers/counts.js';
import { goodImage, goodImageOf } from '../helpers/good-image.js';
import { PicoHost, type PicoHello } from '../helpers/pico-host.js';
import { sha256, TINY_SHAPE, tinySections } from '../helpers/tiny-image.js';

const BINARY = readFileSync(fileURLToPath(new URL('../../firmware/prebuilt/rp2040.bin', import.meta.url)));
const [DONE, BEGIN, READY, WRITE, END, ENDED, CONFIRM] = [0x90, 0x20, 0xa0, 0x22, 0x23, 0xa2, 0x25];
const HEAD_BYTES = 272;
const SEAL_BYTES = 42;
const PIECE_BYTES = 2048;
const LOG_BYTES = 2 * 4096;
/** What the linker leaves beside what is to be free: firmware/ports/rp2040/rp2040.ld. */
const MOST_STACK_BYTES = 1280;
const MEGABYTE = 2 ** 20;

const OLD = goodImage(1);
/** In the long run 60 KB, of which every page is written. */
const NEW =
  count(0, 1) === 0 ? goodImage(2) : goodImageOf(tinySections(2, { ...TINY_SHAPE, vocabSize: 1700, hiddenSize: 20 }));

interface Operation {
  readonly offset: number;
  readonly to: Uint8Array;
}

/** A flash that remembers what was done to it. */
function recorded(contents: Uint8Array): { readonly store: FlashStore; readonly operations: Operation[] } {
  const operations: Operation[] = [];
  const inner = memoryStore(contents);
  const store: FlashStore = {
    ...inner,
    write: (offset, bytes) => {
      operations.push({ offset, to: bytes.slice() });
      inner.write(offset, bytes);
    },
  };
  return { store, operations };
}

function flashWithOld(bytes: number): Uint8Array {
  const flash = new Uint8Array(bytes).fill(0xff);
  flash.set(BINARY);
  flash.set(logAndSlot(OLD), FIRMWARE_BYTES);
  return flash;
}

function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function update(host: PicoHost, image: Uint8Array): void {
  const seal = image.subarray(image.length - SEAL_BYTES);
  const sizes = words(image.length, HEAD_BYTES | (seal.length << 16));
  host.ask(BEGIN, Buffer.concat([sizes, image.subarray(0, HEAD_BYTES), seal]), READY);
  for (let at = 0; at < image.length; at += PIECE_BYTES) {
    host.send(WRITE, Buffer.concat([words(at), image.subarray(at, at + PIECE_BYTES)]));
  }
  host.ask(END, new Uint8Array(0), ENDED);
  host.ask(CONFIRM, new Uint8Array(0), DONE);
}

/** What the flash holds after so many operations, and perhaps a part of the next one. */
function* states(before: Uint8Array, operations: readonly Operation[]): Generator<readonly [string, Uint8Array]> {
  const flash = before.slice();
  for (const [index, { offset, to }] of operations.entries()) {
    yield [`before operation ${index}`, flash.slice()];
    const from = flash.slice(offset, offset + to.length);
    for (const pattern of TEAR_PATTERNS) {
      const torn = flash.slice();
      torn.set(tear(from, to, pattern, index + 1), offset);
      yield [`operation ${index} torn, ${pattern}`, torn];
    }
    flash.set(to, offset);
  }
  yield ['after all', flash];
}

/** Which of the two images runs, whose bytes are where the board says that it is. */
function running({ image }: PicoHello, flash: Uint8Array, slots: number): 'old' | 'new' | 'none' | 'wrong' {
  if (image === undefined) return 'none';
  const seals = { old: OLD, new: NEW } as const;
  for (const [name, bytes] of Object.entries(seals) as ['old' | 'new', Uint8Array][]) {
    if (Buffer.compare(image.sha256, bytes.subarray(bytes.length - 32)) !== 0) continue;
    const slotBytes = Math.floor((flash.length - FIRMWARE_BYTES - LOG_BYTES) / 4096 / slots) * 4096;
    const places = Array.from({ length: slots }, (_, slot) => FIRMWARE_BYTES + LOG_BYTES + slot * slotBytes);
    const isThere = places.some(
      (at) => Buffer.compare(sha256(flash.subarray(at, at + bytes.length)), sha256(bytes)) === 0,
    );
    return isThere ? name : 'wrong';
  }
  return 'wrong';
}

describe('power cuts of the binary for RP2040', () => {
  it.each([
    ['one slot', 2, 1],
    ['two slots', 8, 2],
  ])('leave what the next start finds, with %s', { timeout: 7_200_000 }, (_, megabytes, slots) => {
    const before = flashWithOld(megabytes * MEGABYTE);
    const { store, operations } = recorded(before.slice());
    const host = new PicoHost(store);
    expect(host.hello()).toMatchObject({ slots, serial: 'D2641C218358362B' });
    update(host, NEW);
    expect(host.stackBytes).toBeLessThan(MOST_STACK_BYTES);
    figure(`firmware for RP2040, ${slots} slots: bytes of stack while it takes an image`, `${host.stackBytes}`);

    const chosen = new Set(stateNumbers(operations.length));
    let tried = 0;
    let updated = 0;
    for (const [number, [what, flash]] of enumerated(states(before, operations))) {
      if (!chosen.has(number)) continue;
      const start = recorded(flash);
      const next = new PicoHost(start.store);
      const found = running(next.hello(), flash, slots);
      const allowed = slots === 2 ? ['old', 'new'] : ['old', 'new', 'none'];
      expect({ what, found: allowed.includes(found) ? 'right' : found }).toEqual({ what, found: 'right' });
      tried++;
      if (tried % UPDATE_EVERY !== 0) continue;
      update(next, NEW);
      expect({ what, found: running(new PicoHost(start.store).hello(), flash, slots) }).toEqual({ what, found: 'new' });
      updated++;
    }
    figure(
      `firmware for RP2040, ${slots} slots: states of a power cut, each found right at the next start`,
      `${tried}`,
    );
    figure(`firmware for RP2040, ${slots} slots: of these, the board took the next update`, `${updated}`);
  });
});

const UPDATE_EVERY = count(4, 100);
const STATES = count(4, 1_000_000);

/** All of them, or as many as CI has time for, from everywhere. */
function* stateNumbers(operations: number): Generator<number> {
  const all = (TEAR_PATTERNS.length + 1) * operations + 1;
  const step = Math.max(1, Math.floor(all / STATES));
  for (let number = all - 1; number >= 0; number -= step) yield number;
}

function* enumerated<T>(items: Iterable<T>): Generator<readonly [number, T]> {
  let number = 0;
  for (const item of items) yield [number++, item];
}
