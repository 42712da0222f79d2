/** The engine by FTDI's application note AN_108, section 3. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Mpsse } from '../../../../firmware-host/virtual/ftdi/mpsse.js';
import type { MpssePins } from '../../../../firmware-host/virtual/ftdi/mpsse.js';
import { Timeline } from '../../../../firmware-host/virtual/ftdi/timeline.js';

/** Pins that write down what is done to them, and answer with what was written before, inverted. */
class Pins implements MpssePins {
  readonly did: string[] = [];
  level = 0xff;
  heard = false;

  drive(levels: number, direction: number): void {
    this.did.push(`drive ${levels.toString(16)} ${direction.toString(16)}`);
  }

  levels(): number {
    return this.level;
  }

  exchange(out: number, bits: number): number {
    this.did.push(out.toString(2).padStart(bits, '0'));
    return ~out & (2 ** bits - 1);
  }

  isHeard(): boolean {
    return this.heard;
  }
}

const FULL = 100_000;

interface Bench {
  readonly pins: Pins;
  readonly answers: number[];
  flushes: number;
  readonly time: Timeline;
  readonly mpsse: Mpsse;
}

function bench(): Bench {
  const answers: number[] = [];
  const pins = new Pins();
  const time = new Timeline(() => 0);
  const result = { pins, answers, flushes: 0, time };
  const onFlush = (): void => void result.flushes++;
  return Object.assign(result, {
    mpsse: new Mpsse({
      pins,
      time,
      onAnswer: (bytes) => answers.push(...bytes),
      onFlush,
      isFull: () => answers.length >= FULL,
    }),
  });
}

describe('the engine', () => {
  it.each<[string, number[], string[], number[]]>([
    ['sets pins', [0x80, 0x81, 0x93], ['drive 81 93'], []],
    ['reads pins', [0x81, 0x83], [], [0xff, 0xff]],
    ['takes pins of the other byte', [0x82, 1, 2], [], []],
    ['writes bytes', [0x11, 1, 0, 0xa5, 0x0f], ['10100101', '00001111'], []],
    ['writes and reads bytes', [0x31, 1, 0, 0xa5, 0x0f], ['10100101', '00001111'], [0x5a, 0xf0]],
    [
      'reads bytes, with MOSI as it was',
      [0x20, 0, 0, 0x11, 0, 0, 1, 0x20, 0, 0],
      ['00000000', '00000001', '11111111'],
      [0xff, 0],
    ],
    ['writes the lowest bit first', [0x39, 0, 0, 0b0000_0110], ['01100000'], [0b1111_1001]],
    ['writes bits', [0x13, 2, 0b1010_0000], ['101'], []],
    ['writes and reads bits', [0x33, 3, 0b1010_0000], ['1010'], [0b0101]],
    ['writes and reads bits, the lowest first', [0x3b, 2, 0b0000_0110], ['011'], [0b0010_0000]],
    ['reads bits', [0x22, 4], ['00000'], [0b1_1111]],
    ['is late by a clock on the wrong edge', [0x10, 1, 0, 0b1000_0001, 0b0000_0000], ['01000000', '10000000'], []],
    ['waits in bits and bytes', [0x8e, 2, 0x8f, 4, 1], [], []],
    ['loops back', [0x84, 0x31, 0, 0, 0x77, 0x85, 0x31, 0, 0, 0x77], ['01110111', '01110111'], [0x77, 0x88]],
    [
      'knows commands that change nothing here',
      [0x8a, 0x8b, 0x8c, 0x8d, 0x96, 0x97, 0x9e, 0, 0, 0x88, 0x81],
      [],
      [0xff],
    ],
    ['answers what it does not know', [0xaa, 0xab, 0x4b, 0x81], [], [0xfa, 0xaa, 0xfa, 0xab, 0xfa, 0x4b, 0xff]],
  ])('%s', (_, commands, did, answers) => {
    const whole = bench();
    whole.mpsse.receive(Uint8Array.from(commands));
    expect([whole.pins.did, whole.answers]).toEqual([did, answers]);
    const cut = bench();
    for (const byte of commands) cut.mpsse.receive(Uint8Array.of(byte));
    expect([cut.pins.did, cut.answers]).toEqual([did, answers]);
  });

  it('flushes when it is told to', () => {
    const { mpsse } = bench();
    mpsse.receive(Uint8Array.of(0x87));
    const other = bench();
    other.mpsse.receive(Uint8Array.of(0x81, 0x87, 0x81));
    expect([other.flushes, other.answers]).toEqual([1, [0xff, 0xff]]);
  });

  it('that waits for a pin which does not change does nothing any more', () => {
    const { mpsse, answers } = bench();
    mpsse.receive(Uint8Array.of(0x81, 0x89, 0x81));
    mpsse.receive(Uint8Array.of(0x81));
    expect(answers).toEqual([0xff]);
  });

  it.each([
    [[0x8b, 0x86, 0, 0], 6e6],
    [[0x8a, 0x86, 0, 0], 30e6],
    [[0x8a, 0x86, 1, 0], 15e6],
    [[0x8a, 0x86, 0x2b, 0x01], 100e3],
  ])('after %j takes the time of a clock of %d Hz', (commands, clockHz) => {
    const { mpsse, time } = bench();
    mpsse.receive(Uint8Array.of(...commands, 0x11, 9, 0, ...Array.from({ length: 10 }, () => 0), 0x8f, 9, 0));
    expect(time.now()).toBeCloseTo((1000 * 160) / clockHz, 9);
  });

  it('clocks somebody who listens while it waits', () => {
    const { mpsse, pins } = bench();
    pins.heard = true;
    mpsse.receive(Uint8Array.of(0x13, 0, 0x80, 0x8f, 1, 0, 0x8e, 2));
    expect(pins.did).toEqual(['1', '11111111', '11111111', '111']);
  });

  it.each([
    ['answers that nobody fetches', [0x20, 0xff, 0xff]],
    ['clocks', [0x8f, 0xff, 0xff]],
  ])('stops when a host asks for no end of %s', (_, command) => {
    const { mpsse, pins, answers } = bench();
    pins.heard = true;
    let exchanges = 0;
    pins.exchange = (): number => {
      exchanges++;
      return 0;
    };
    mpsse.receive(Uint8Array.from({ length: 3000 }, (_unused, index) => command[index % 3]!));
    expect(answers.length).toBeLessThanOrEqual(FULL + 65_536);
    expect(exchanges).toBeLessThanOrEqual(2 ** 21 + 65_536);
  });

  it('survives anything, and answers at most what was asked for', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const { mpsse, answers } = bench();
        mpsse.receive(bytes);
        expect(answers.length).toBeLessThanOrEqual(FULL + 65_536);
      }),
    );
  });
});
