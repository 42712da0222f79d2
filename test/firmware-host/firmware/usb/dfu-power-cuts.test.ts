/**
 * The power goes at every flash operation of a download over DFU, before it, after it and inside: always the old or the
 * new image starts, and the next download goes through. What power-cuts.test.ts does for the framed protocol, smaller.
 */

import { describe, expect, it } from 'vitest';
import { TEAR_PATTERNS } from '../../../../firmware-host/firmware/flash/power-cut.js';
import { BoardOnUsb, hashOf } from '../../../helpers/board-on-usb.js';
import { IS_ANOTHER_BOARD } from '../../../helpers/c-board.js';
import { count, figure } from '../../../helpers/counts.js';
import { goodImage } from '../../../helpers/good-image.js';
import { isCut } from '../../../helpers/power.js';

const A = goodImage(1);
const B = goodImage(2);
const C = goodImage(3);
const [a, b, c] = [A, B, C].map(hashOf) as [string, string, string];

const MOMENTS = ['before', 'after', ...TEAR_PATTERNS] as const;
/** In CI only some operations are cut. */
const STEP = count(13, 1);

interface Scenario {
  readonly title: string;
  readonly bits: () => Uint8Array;
  readonly happens: (usb: BoardOnUsb) => void;
  readonly allowed: readonly string[];
  /** Looks into the board. */
  readonly ofOurs?: true;
}

const withA = (): Uint8Array => new BoardOnUsb({ image: A }).bits;

const SCENARIOS: readonly Scenario[] = [
  { title: 'of a new image', bits: withA, happens: (usb) => void usb.download(B), allowed: [a, b] },
  {
    title: 'of an announced image, every second sector',
    bits: () => {
      const usb = new BoardOnUsb({ image: A });
      for (let sector = 0; 4096 * sector < B.length; sector++) usb.block(sector, sectorOf(B, sector));
      // Sectors of B lie in the other slot now; C shares none of them.
      return usb.bits;
    },
    happens: (usb) => {
      usb.announce(C);
      for (let sector = 0; 4096 * sector < C.length; sector += 2) {
        usb.seek(sector);
        usb.block(sector, sectorOf(C, sector));
      }
      usb.control(0x21, 1);
      usb.settle();
      // Refused: half of it is B's. And now all of it.
      usb.control(0x21, 4);
      usb.download(C);
    },
    allowed: [a, b, c],
  },
  {
    title: 'over an image that nobody has confirmed',
    bits: withA,
    happens: (usb) => {
      for (let sector = 0; 4096 * sector < B.length; sector++) usb.block(sector, sectorOf(B, sector));
      usb.control(0x21, 6);
      // As FLASH_END on a line does it.
      for (const _ of usb.board.images.switchTo(1));
      usb.download(C);
    },
    allowed: [a, b, c],
    ofOurs: true,
  },
  {
    title: 'of the first image',
    bits: () => new BoardOnUsb().bits,
    happens: (usb) => void usb.download(B),
    allowed: ['', b],
  },
];

describe('a power cut during a download', () => {
  let states = 0;

  it.each(SCENARIOS.filter(({ ofOurs }) => !(IS_ANOTHER_BOARD && ofOurs)))(
    '$title leaves an image that starts',
    ({ bits, happens, allowed }) => {
      const start = bits();
      const whole = new BoardOnUsb({ bits: start.slice() });
      const before = whole.flash.operations;
      happens(whole);
      const settled = whole.running;
      expect(allowed).toContain(settled);
      const operations = whole.flash.operations - before;
      for (let afterOperations = 0; afterOperations < operations; afterOperations += STEP) {
        for (const at of MOMENTS) {
          const left = start.slice();
          const cut = { afterOperations: before + afterOperations, at, seed: afterOperations };
          expect(isCut(() => happens(new BoardOnUsb({ bits: left, cut })))).toBe(true);
          states++;
          const usb = new BoardOnUsb({ bits: left });
          expect(allowed).toContain(usb.running);
          expect(usb.board.images.running?.confirmed ?? true).toBe(true);
          expect(usb.download(B)).toEqual({ status: 0, pollMs: 0, state: 2 });
          expect(new BoardOnUsb({ bits: left }).running).toBe(b);
        }
      }
    },
  );

  it('was tried in hundreds of states', () => {
    const tried = `${states.toLocaleString('en-US')} states`;
    console.log(`power cuts over DFU: ${tried}`);
    figure('power cuts during downloads over DFU, each with an image that starts', tried);
    expect(states).toBeGreaterThanOrEqual(IS_ANOTHER_BOARD ? count(100, 1_900) : count(200, 2_900));
  });
});

function sectorOf(image: Uint8Array, sector: number): Uint8Array {
  return image.subarray(4096 * sector, 4096 * (sector + 1));
}
