import { describe, expect, it } from 'vitest';
import { faultyWire } from '../../../../firmware-host/virtual/wires/faulty-wire.js';
import type { Wire, WireEvents } from '../../../../firmware-host/virtual/wires/wire.js';

/** A wire that gives back what is written. */
function echo(): Wire {
  let events: WireEvents | undefined;
  return {
    isReady: true,
    start: (given) => (events = given),
    write: (bytes) => events?.onData(bytes),
    close: () => events?.onGone(),
  };
}

/** What comes back of 1,000 pieces of 4 bytes each. */
function sent(drop: number, damage: number, seed = 1): Uint8Array[] {
  const wire = faultyWire(echo(), { drop, damage, seed });
  const received: Uint8Array[] = [];
  wire.start({ onData: (bytes) => received.push(bytes), onReady: () => {}, onGone: () => {} });
  for (let piece = 0; piece < 1000; piece++) wire.write(new Uint8Array(4));
  return received;
}

const bits = (bytes: Uint8Array): number =>
  bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);

describe('a faulty wire', () => {
  it('without faults changes nothing', () => {
    expect(sent(0, 0)).toEqual(Array.from({ length: 1000 }, () => new Uint8Array(4)));
  });

  it('drops as many as it should, in each direction', () => {
    expect(sent(1, 0)).toEqual([]);
    // Each piece passes twice: 0.9 · 0.9 of 1,000.
    expect(Math.abs(sent(0.1, 0).length - 810)).toBeLessThan(50);
  });

  it('changes one bit in as many as it should', () => {
    expect(new Set(sent(0, 1).map(bits))).toEqual(new Set([0, 2]));
    const damaged = sent(0, 0.1).filter((piece) => bits(piece) > 0);
    expect(Math.abs(damaged.length - 190)).toBeLessThan(50);
  });

  it('does the same for the same seed, and something else for another', () => {
    expect(sent(0.1, 0.1, 5)).toEqual(sent(0.1, 0.1, 5));
    expect(sent(0.1, 0.1, 5)).not.toEqual(sent(0.1, 0.1, 6));
  });
});
