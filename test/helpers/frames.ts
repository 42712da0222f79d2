/** Frames for tests: one of each kind, arbitrary ones, and what a reader makes of bytes. */

import fc from 'fast-check';

import type { Frame } from '../../protocol/wire/frame.js';
import { FrameReader } from '../../protocol/wire/frame-reader.js';
import type { FrameEvent } from '../../protocol/wire/frame-reader.js';

const EMPTY: Omit<Frame, 'kind'> = {
  type: 0,
  sequence: 0,
  acknowledge: 0,
  window: 0,
  again: false,
  payload: new Uint8Array(0),
};

/** A frame with the given fields, all others 0. */
export function frameOf(fields: Partial<Frame> & Pick<Frame, 'kind'>): Frame {
  return { ...EMPTY, ...fields };
}

/** One frame of each kind, with zeros and other bytes in its payload. */
export const ONE_OF_EACH_KIND: readonly Frame[] = [
  frameOf({ kind: 'data', type: 0x91, sequence: 7, acknowledge: 200, window: 32, payload: bytes('00ff0001000080') }),
  frameOf({ kind: 'data', type: 1, sequence: 255 }),
  frameOf({ kind: 'ack', acknowledge: 255, window: 8 }),
  frameOf({ kind: 'ack', acknowledge: 0, window: 0, again: true }),
  frameOf({ kind: 'syn', window: 32, payload: bytes('6d6d66726565000178563412') }),
  frameOf({ kind: 'syn-ack', window: 1, payload: bytes('00000000') }),
  frameOf({ kind: 'busy', payload: bytes('7856341288130000') }),
  frameOf({ kind: 'end' }),
];

/** Any `data` frame with a payload of at most `maxPayload` bytes, many of them 0. */
export function anyDataFrame(maxPayload: number): fc.Arbitrary<Frame> {
  const octet = fc.nat(255);
  return fc
    .record({
      type: octet,
      sequence: octet,
      acknowledge: octet,
      window: fc.nat(32),
      payload: fc
        .array(fc.oneof(octet, fc.constant(0)), { maxLength: maxPayload })
        .map((numbers) => Uint8Array.from(numbers)),
    })
    .map((fields) => frameOf({ kind: 'data', ...fields }));
}

/** What a new reader makes of the pieces. */
export function readAll(...pieces: readonly Uint8Array[]): FrameEvent[] {
  const reader = new FrameReader();
  return pieces.flatMap((piece) => reader.feed(piece));
}

/** The frames among the events. */
export function framesIn(events: readonly FrameEvent[]): Frame[] {
  return events.flatMap((event) => (event.kind === 'frame' ? [event.frame] : []));
}

/** Bytes from hexadecimal digits; spaces do not count. */
export function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

/** One array of all. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}
