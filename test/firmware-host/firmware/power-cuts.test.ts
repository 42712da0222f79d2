/**
 * The power goes at every flash operation of every update, before it, after it and inside, and again during recovery:
 * always an old or a new image starts, and the next flash goes through.
 */

import { describe, expect, it } from 'vitest';
import { BOOT_TABLE_SECTORS, BootTable } from '../../../firmware-host/firmware/flash/boot-table.js';
import { memoryStore } from '../../../firmware-host/firmware/flash/flash-store.js';
import { NorFlash, PAGE_BYTES } from '../../../firmware-host/firmware/flash/nor-flash.js';
import { TEAR_PATTERNS } from '../../../firmware-host/firmware/flash/power-cut.js';
import type { PowerCut } from '../../../firmware-host/firmware/flash/power-cut.js';
import { Flashing } from '../../../firmware-host/firmware/flashing.js';
import { ImageStore } from '../../../firmware-host/firmware/image-store.js';
import { installImage } from '../../../firmware-host/firmware/install-image.js';
import { Refusal } from '../../../firmware-host/firmware/refusal.js';
import type { Reply } from '../../../firmware-host/firmware/request.js';
import { memorySource } from '../../../protocol/byte-source.js';
import { crc32c } from '../../../protocol/crc32.js';
import { sealBytes } from '../../../protocol/image/image-seal.js';
import { MODEL_LIMITS } from '../../../protocol/image/model-shape.js';
import type { Layout, LayoutValue } from '../../../protocol/wire/layout.js';
import { decodeMessage, encodeMessage } from '../../../protocol/wire/message.js';
import type { FixedMessage } from '../../../protocol/wire/message.js';
import * as messages from '../../../protocol/wire/messages-flash.js';
import { count, figure } from '../../helpers/counts.js';
import { goodImage } from '../../helpers/good-image.js';
import { isCut } from '../../helpers/power.js';
import { sha256, tinyImage } from '../../helpers/tiny-image.js';

const SECTOR_BYTES = 4096;
const A = goodImage(1);
const B = goodImage(2);
const C = goodImage(3);
/** Whole, but its receipts are made up: no board can repeat its self-test. */
const WRONG = tinyImage(4);
const SLOT_SECTORS = Math.ceil(Math.max(A.length, B.length, C.length) / SECTOR_BYTES);
const FLASH_BYTES = (BOOT_TABLE_SECTORS + 2 * SLOT_SECTORS) * SECTOR_BYTES;
const SEEDS = [1, 2, 3].slice(0, count(1, 3));
/** In CI only some operations are cut. */
const STEP = count(13, 1);

/** Every way in which an operation is cut. */
const CUTS: readonly Omit<PowerCut, 'afterOperations'>[] = [
  { at: 'before', seed: 0 },
  { at: 'after', seed: 0 },
  ...TEAR_PATTERNS.flatMap((at) => SEEDS.map((seed) => ({ at, seed }))),
];

/** A board's storage, as it is after a start on `bits`. */
class Storage {
  readonly flash: NorFlash;
  readonly images: ImageStore;
  readonly #flashing: Flashing;

  /** @param cut from the start on @throws PowerLost */
  constructor(bits: Uint8Array, cut?: PowerCut) {
    this.flash = new NorFlash(memoryStore(bits), SECTOR_BYTES);
    if (cut !== undefined) this.flash.cutPower(cut);
    this.images = new ImageStore({ flash: this.flash, slots: 2, policy: { limits: MODEL_LIMITS, minimumRevision: 0 } });
    for (const _ of this.images.boot());
    this.#flashing = new Flashing(this.images, SECTOR_BYTES);
  }

  /** SHA-256 of the image that runs, as hexadecimal text; empty if none does. */
  get running(): string {
    const source = this.images.running?.source;
    return source === undefined ? '' : hashOf(source.read(0, source.length));
  }

  /** A whole update, as a host does it. */
  update(image: Uint8Array): void {
    if (this.running !== hashOf(image)) {
      this.write(image);
      this.request(messages.FLASH_END, {});
    }
    this.request(messages.CONFIRM, {});
  }

  begin(image: Uint8Array): void {
    const seal = image.subarray(image.length - sealBytes(false));
    this.request(messages.FLASH_BEGIN, { imageLength: image.length, prefix: image.subarray(0, 272), seal });
  }

  /** Writes the sectors that differ. */
  write(image: Uint8Array): void {
    this.begin(image);
    const sectors = Math.ceil(image.length / SECTOR_BYTES);
    const answer = this.request(messages.FLASH_COMPARE, { firstSector: 0, sectors });
    const sums = decodeMessage(messages.FLASH_SUMS, answer?.payload ?? new Uint8Array(0))?.crc32c;
    for (let sector = 0; sector < sectors; sector++) {
      const start = sector * SECTOR_BYTES;
      const end = Math.min(start + SECTOR_BYTES, image.length);
      if (crc32c(image.subarray(start, end)) === sums?.[sector]) continue;
      for (let offset = start; offset < end; offset += messages.FLASH_WRITE_BYTES) {
        const data = image.subarray(offset, Math.min(offset + messages.FLASH_WRITE_BYTES, end));
        this.request(messages.FLASH_WRITE, { offset, data });
      }
    }
  }

  request<L extends Layout>(message: FixedMessage<L>, value: LayoutValue<L>): Reply | undefined {
    const entry = this.#flashing.handlers.find(({ type }) => type === message.type);
    const outcome = entry?.handle(encodeMessage(message, value));
    if (outcome === undefined || !('next' in outcome)) return outcome;
    for (;;) {
      const step = outcome.next();
      if (step.done === true) return step.value;
    }
  }
}

/** What happens on a board that starts with `bits`. */
interface Scenario {
  readonly title: string;
  readonly bits: Uint8Array;
  readonly happens: (storage: Storage) => void;
  /** Hashes of the images that may run after a cut; empty text is none. */
  readonly allowed: readonly string[];
  /** Hash of the only one that may run once the last operation is done. */
  readonly settled: string;
}

const hashes = { a: hashOf(A), b: hashOf(B), c: hashOf(C) };

const SCENARIOS: readonly Scenario[] = [
  {
    title: 'an update',
    bits: boardWith(A),
    happens: (storage) => storage.update(B),
    allowed: [hashes.a, hashes.b],
    settled: hashes.b,
  },
  {
    title: 'an update whose switch must erase the older half of the boot table',
    bits: boardWith(A, (BOOT_TABLE_SECTORS * SECTOR_BYTES) / PAGE_BYTES - 1),
    happens: (storage) => storage.update(B),
    allowed: [hashes.a, hashes.b],
    settled: hashes.b,
  },
  {
    title: 'an update that is taken back',
    bits: boardWith(A),
    happens: (storage) => {
      storage.write(B);
      storage.request(messages.FLASH_END, {});
      storage.request(messages.REVERT, {});
    },
    allowed: [hashes.a, hashes.b],
    settled: hashes.a,
  },
  {
    title: 'an update over one that computes wrong',
    bits: boardWith(A),
    happens: (storage) => {
      storage.write(WRONG);
      storage.request(messages.FLASH_END, {});
      storage.update(C);
    },
    allowed: [hashes.a, hashes.c],
    settled: hashes.c,
  },
  {
    title: 'an update over one that nobody has confirmed',
    bits: boardWith(A),
    happens: (storage) => {
      storage.write(B);
      storage.request(messages.FLASH_END, {});
      storage.update(C);
    },
    allowed: [hashes.a, hashes.b, hashes.c],
    settled: hashes.c,
  },
  {
    title: 'the first image',
    bits: new Uint8Array(FLASH_BYTES).fill(0xff),
    happens: (storage) => storage.update(B),
    allowed: ['', hashes.b],
    settled: hashes.b,
  },
];

describe('a power cut', () => {
  let states = 0;

  it.each(SCENARIOS)('during $title leaves an image that starts', (scenario) => {
    const { bits, happens, settled } = scenario;
    const whole = new Storage(bits.slice());
    happens(whole);
    const operations = whole.flash.operations;
    expect(operations).toBeGreaterThan(20);
    for (let afterOperations = 0; afterOperations < operations; afterOperations += STEP) {
      for (const cut of CUTS) {
        const left = bits.slice();
        expect(isCut(() => happens(new Storage(left, { ...cut, afterOperations })))).toBe(true);
        states++;
        const isDone = afterOperations === operations - 1 && cut.at === 'after';
        const allowed = isDone ? [settled] : scenario.allowed;
        const startOperations = expectRecovery(left, allowed);
        // A second cut at every operation of the start that follows.
        for (let second = 0; second < startOperations; second++) {
          const leftAgain = left.slice();
          expect(isCut(() => new Storage(leftAgain, { ...cut, afterOperations: second }))).toBe(true);
          states++;
          expectRecovery(leftAgain, allowed);
        }
        // And at one operation of the update that follows, another one for each first cut; one seed is enough here.
        if (cut.seed > 1) continue;
        const third = left.slice();
        if (isCut(() => new Storage(third, { ...cut, afterOperations: (7 * afterOperations) % 50 }).update(B))) {
          states++;
          expectRecovery(third, [...allowed, hashes.b]);
        }
      }
    }
  });

  it('was tried in hundreds or thousands of states', () => {
    const tried = `${states.toLocaleString('en-US')} states`;
    console.log(`power cuts: ${tried}`);
    figure('power cuts during updates over the protocol, each with an image that starts', tried);
    expect(states).toBeGreaterThanOrEqual(count(500, 10_000));
  });

  it('behind the confirmation changes nothing any more', () => {
    const bits = boardWith(A);
    new Storage(bits).update(B);
    expect(new Storage(bits).running).toBe(hashes.b);
  });
});

describe('a good image', () => {
  it('is not erased by a file that was on its way when REVERT started what its slot holds', () => {
    const bits = boardWith(A);
    const storage = new Storage(bits);
    storage.update(B);
    storage.request(messages.REVERT, {});
    storage.begin(C);
    storage.request(messages.REVERT, {});
    // This used to erase the image that runs, and the next one the other.
    orRefused(() => storage.request(messages.FLASH_WRITE, { offset: 0, data: C.subarray(0, 2048) }));
    storage.begin(C);
    orRefused(() => storage.request(messages.FLASH_WRITE, { offset: 0, data: C.subarray(0, 2048) }));
    expect([hashes.a, hashes.b]).toContain(new Storage(bits).running);
  });

  it('goes on when its update ends with another image in the slot than was announced', () => {
    const bits = boardWith(A);
    const storage = new Storage(bits);
    storage.update(B);
    storage.begin(C);
    orRefused(() => storage.request(messages.FLASH_END, {}));
    expect(storage.running).toBe(hashes.b);
    expect(new Storage(bits).running).toBe(hashes.b);
  });
});

/**
 * The board starts with one of the images, tested, and takes the next update. Gives the flash operations of its start.
 */
function expectRecovery(left: Uint8Array, allowed: readonly string[]): number {
  const bits = left.slice();
  const storage = new Storage(bits);
  const startOperations = storage.flash.operations;
  expect(allowed).toContain(storage.running);
  expect(storage.images.running?.confirmed ?? true).toBe(true);
  // The start itself leaves nothing that another one would not survive.
  expect(new Storage(bits).running).toBe(storage.running);
  storage.update(B);
  expect(new Storage(bits).running).toBe(hashes.b);
  return startOperations;
}

/** A flash that runs an image. @param records of the boot table that were written before */
function boardWith(image: Uint8Array, records = 0): Uint8Array {
  const bits = new Uint8Array(FLASH_BYTES).fill(0xff);
  const flash = new NorFlash(memoryStore(bits), SECTOR_BYTES);
  const table = new BootTable(flash);
  for (let record = 0; record < records; record++) table.write({ slot: 0, confirmed: record % 2 === 1 });
  installImage(flash, 2, memorySource(image));
  return bits;
}

function hashOf(bytes: Uint8Array): string {
  return Buffer.from(sha256(bytes)).toString('hex');
}

/** A request that the board may refuse. */
function orRefused(request: () => unknown): void {
  try {
    request();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}
