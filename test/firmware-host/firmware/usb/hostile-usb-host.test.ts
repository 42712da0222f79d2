/** A host that sends any setup packet in any state: it gets a defined answer or STALL, and changes no flash. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DfuMode } from '../../../../firmware-host/firmware/usb/dfu.js';
import { PowerLost } from '../../../../firmware-host/firmware/flash/power-cut.js';
import { BoardOnUsb, hashOf } from '../../../helpers/board-on-usb.js';
import { goodImage } from '../../../helpers/good-image.js';
import { Prng } from '../../../oracle/prng.js';

const PACKETS = Number(process.env['MMFREE_HOSTILE_INPUTS'] ?? 1_000_000);
const IMAGE = goodImage(1);
const OTHER = goodImage(2);

/** Requests that mean something to the board, of all three types. */
const KNOWN: readonly (readonly [number, number])[] = [
  ...[0, 1, 3, 5, 6, 8, 9, 10, 11].flatMap((request) =>
    [0x00, 0x80, 0x01, 0x81, 0x02, 0x82].map((type) => [type, request] as const),
  ),
  ...[0, 1, 2, 3, 4, 5, 6].flatMap((request) => [0x21, 0xa1].map((type) => [type, request] as const)),
  ...[0x20, 0x21, 0x22, 0x23].flatMap((request) => [0x21, 0xa1].map((type) => [type, request] as const)),
  ...[0x80, 0x81, 0x20, 0x21, 0x22, 0x23].flatMap((request) => [0x41, 0xc1].map((type) => [type, request] as const)),
  [0xc0, 1],
];

const VALUES = [0, 0, 1, 2, 0x100, 0x200, 0x301, 0x600, 0x700, 0xf00, 0xffff];
const LENGTHS = [0, 0, 1, 2, 4, 6, 7, 8, 12, 18, 64, 255, 321, 1024, 4096, 4097, 65_535];

function pick<T>(random: Prng, choices: readonly T[]): T {
  return choices[random.between(0, choices.length - 1)]!;
}

/** Any packet, or nearly one of those that a board takes, or one of DFU that is in order but for its time. */
function hostilePacket(random: Prng, data: Uint8Array): Parameters<BoardOnUsb['device']['control']> {
  const choice = random.between(0, 4);
  if (choice < 2) return orderlyPacket(random, data);
  const isRandom = choice === 2;
  const [requestType, request] = isRandom ? [random.next() & 255, random.next() & 255] : pick(random, KNOWN);
  const value = isRandom ? random.next() & 0xffff : pick(random, VALUES);
  const index = isRandom ? random.next() & 0xffff : pick(random, [0, 1, 2, 2, 2, 2, 3, 7, 0x81, 0x82, 0x102]);
  const length = isRandom ? random.between(0, 300) : pick(random, LENGTHS);
  const isIn = (requestType & 0x80) !== 0;
  // Sometimes another number of bytes than the packet says.
  const sent = isIn ? 0 : random.between(0, 19) === 0 ? random.between(0, 5000) : length;
  return [{ requestType, request, value, index, length }, data.subarray(0, sent)];
}

function orderlyPacket(random: Prng, data: Uint8Array): Parameters<BoardOnUsb['device']['control']> {
  const request = random.between(0, 6);
  const isIn = [2, 3, 5].includes(request);
  const length = isIn ? 64 : request === 1 ? random.between(0, 60) : 0;
  const setup = { requestType: isIn ? 0xa1 : 0x21, request, value: 0, index: random.between(0, 1) * 2, length };
  return [setup, data.subarray(0, isIn ? 0 : length)];
}

/** States that can be reached without a good image. */
const REACHED = ['dfuIDLE', 'dfuDNLOAD_SYNC', 'dfuDNLOAD_IDLE', 'dfuUPLOAD_IDLE', 'dfuERROR'];
const DETACHING = ['appIDLE', 'appDETACH'];

describe('a board on USB', () => {
  it.each(['always', 'reset', 'will-detach'] as const)(
    'in mode %s survives a million hostile setup packets, and changes nothing in its flash for them',
    { timeout: 300_000 },
    (mode: DfuMode) => {
      const random = new Prng(11);
      const usb = new BoardOnUsb({ image: IMAGE, mode });
      const before = hashOf(usb.bits);
      const noise = Uint8Array.from({ length: 65_535 }, () => random.next() & 255);
      const states = new Set<string>();
      for (let packet = 0; packet < PACKETS / 3; packet++) {
        const [setup, data] = hostilePacket(random, noise);
        const answer = usb.device.control(setup, data);
        if (answer !== undefined && answer.length > setup.length) throw new Error('more than was asked for');
        states.add(usb.device.dfuState);
        if (packet % 4 === 0) usb.work();
        usb.nowMs += random.between(0, 3);
        if (usb.device.hasLeft) usb.device.unplug();
        if (packet % 1000 === 999) usb.device.busReset();
        if (usb.device.configuration === 0 && random.between(0, 9) === 0) usb.device.configure(1);
      }
      expect(hashOf(usb.bits)).toBe(before);
      expect(usb.running).toBe(hashOf(IMAGE));
      // Otherwise the packets would not have come far.
      expect([...states]).toEqual(expect.arrayContaining([...REACHED, ...(mode === 'always' ? [] : DETACHING)]));
      // And it serves the next host.
      usb.device.unplug();
      if (mode !== 'always') return;
      usb.device.configure(1);
      expect(usb.download(OTHER)).toEqual({ status: 0, pollMs: 0, state: 2 });
      console.log(`hostile USB hosts: ${PACKETS.toLocaleString('en-US')} setup packets`);
    },
  );

  it('runs one of its images whatever a host does in the middle of downloads', () => {
    fc.assert(
      fc.property(fc.array(action(), { maxLength: 40 }), (actions) => {
        const usb = new BoardOnUsb({ image: IMAGE });
        let block = 0;
        for (const { kind, number } of actions) {
          if (kind === 'block') usb.control(0x21, 1, { value: block++ & 0xffff, data: piece(OTHER, block - 1, 4096) });
          else if (kind === 'announce') usb.announce(OTHER);
          else if (kind === 'seek') usb.seek(number);
          else if (kind === 'wait') usb.nowMs += number;
          else if (kind === 'unplug') {
            usb.device.unplug();
            usb.device.configure(1);
            block = 0;
          } else if (kind === 'download') {
            usb.control(0x21, 4);
            usb.control(0x21, 6);
            usb.download(number % 2 === 0 ? OTHER : IMAGE, 1 + (number % 4096));
            block = 0;
          } else usb.control(number % 2 === 0 ? 0x21 : 0xa1, number % 8, { length: number % 2 === 0 ? 0 : 64 });
          if (![hashOf(IMAGE), hashOf(OTHER)].includes(usb.running)) return false;
        }
        return [hashOf(IMAGE), hashOf(OTHER)].includes(new BoardOnUsb({ bits: usb.bits }).running);
      }),
    );
  });

  it('that loses power in a download says so to its owner, and not to the host', () => {
    const usb = new BoardOnUsb({ image: IMAGE, cut: { afterOperations: 3, at: 'before', seed: 0 } });
    expect(() => usb.download(OTHER)).toThrow(PowerLost);
  });
});

interface Action {
  readonly kind: 'block' | 'announce' | 'seek' | 'wait' | 'unplug' | 'download' | 'request';
  readonly number: number;
}

function action(): fc.Arbitrary<Action> {
  const kinds: readonly Action['kind'][] = ['block', 'announce', 'seek', 'wait', 'unplug', 'download', 'request'];
  return fc.record({
    kind: fc.oneof(
      { weight: 5, arbitrary: fc.constant('block' as const) },
      { weight: 6, arbitrary: fc.constantFrom(...kinds) },
    ),
    number: fc.nat({ max: 9000 }),
  });
}

function piece(image: Uint8Array, block: number, size: number): Uint8Array {
  const start = (block * size) % image.length;
  return image.subarray(start, start + size);
}
