/** A wire that loses and garbles bytes, for seeing how a host copes. The same seed gives the same faults. */

import { xorshift } from '../../random.js';
import type { Wire } from './wire.js';

/** Chances, 0 … 1, for each piece in either direction; a piece that the board writes is a frame. */
export interface WireFaults {
  readonly drop: number;
  /** One bit changes. */
  readonly damage: number;
  /** 0 … 2³² − 1. */
  readonly seed: number;
}

export function faultyWire(wire: Wire, { drop, damage, seed }: WireFaults): Wire {
  const next = xorshift(seed);
  const random = (): number => next() / 2 ** 32;
  const pass = (bytes: Uint8Array, deliver: (bytes: Uint8Array) => void): void => {
    if (random() < drop) return;
    if (bytes.length === 0 || random() >= damage) {
      deliver(bytes);
      return;
    }
    const garbled = bytes.slice();
    const at = Math.floor(random() * bytes.length);
    garbled[at] = (garbled[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    deliver(garbled);
  };
  return {
    get isReady() {
      return wire.isReady;
    },
    start: (events) => wire.start({ ...events, onData: (bytes) => pass(bytes, events.onData) }),
    write: (bytes) => pass(bytes, (passed) => wire.write(passed)),
    close: () => wire.close(),
    hangUp: () => wire.hangUp?.(),
    setServed: (isServed) => wire.setServed?.(isServed),
  };
}
