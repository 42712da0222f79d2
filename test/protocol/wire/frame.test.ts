import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32 } from 'node:zlib';

import { decodeFrame, encodeFrame, MAX_ENCODED_BYTES, MAX_PAYLOAD_BYTES } from '../../../protocol/wire/frame.js';
import type { BadReason, Frame } from '../../../protocol/wire/frame.js';
import { anyDataFrame, bytes, frameOf, framesIn, joined, ONE_OF_EACH_KIND, readAll } from '../../helpers/frames.js';

/** A frame without stuffing, with the right CRC. */
function raw(hex: string): Uint8Array {
  const content = bytes(hex);
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, crc32(content), true);
  return joined([content, new Uint8Array(view.buffer)]);
}

const name = (frame: Frame): string =>
  `${frame.kind}${frame.again ? ' with again' : ''}, ${frame.payload.length} bytes`;

describe('a frame', () => {
  test('has every field where the table in the specification says', () => {
    const fields = { type: 2, sequence: 3, acknowledge: 4, window: 5, payload: bytes('0007') };
    const frame = frameOf({ kind: 'data', ...fields });
    expect(decodeFrame(raw('00 02 03 04 05 00 0007'))).toEqual(frame);
    expect(framesIn(readAll(encodeFrame(frame)))).toEqual([frame]);
  });

  test.each(ONE_OF_EACH_KIND.map((frame) => [name(frame), frame] as const))(
    '%s is read as it was written',
    (_, frame) => {
      expect(readAll(encodeFrame(frame))).toEqual([{ kind: 'frame', frame }]);
      expect(readAll(encodeFrame(frame, true))).toEqual([{ kind: 'frame', frame }]);
    },
  );

  test('with any payload is read as it was written', () => {
    fc.assert(
      fc.property(anyDataFrame(600), (frame) => {
        expect(readAll(encodeFrame(frame))).toEqual([{ kind: 'frame', frame }]);
      }),
    );
  });

  test('of the largest payload has the most bytes there are, and a larger one cannot be written', () => {
    const largest = frameOf({ kind: 'data', payload: new Uint8Array(MAX_PAYLOAD_BYTES).fill(0xaa) });
    expect(readAll(encodeFrame(largest))).toEqual([{ kind: 'frame', frame: largest }]);
    expect(encodeFrame(largest).length).toBeLessThanOrEqual(MAX_ENCODED_BYTES + 1);
    expect(() => encodeFrame({ ...largest, payload: new Uint8Array(MAX_PAYLOAD_BYTES + 1) })).toThrow(
      'a frame of kind data has 0 to 4096 bytes of payload, not 4097',
    );
    expect(() => encodeFrame(frameOf({ kind: 'syn' }))).toThrow(RangeError);
  });

  test('starts with 01 or 02 on the line, whatever it is', () => {
    for (const frame of ONE_OF_EACH_KIND) {
      expect(encodeFrame(frame)[0]).toBe(frame.kind === 'data' ? 1 : 2);
    }
  });

  test('does not change when the next one is written', () => {
    const first = encodeFrame(ONE_OF_EACH_KIND[0]!);
    const copy = first.slice();
    encodeFrame(ONE_OF_EACH_KIND[4]!);
    expect(first).toEqual(copy);
  });
});

describe('decodeFrame', () => {
  test.each<[string, string, BadReason]>([
    ['an unknown kind', '06 00 00 00 00 00', 'kind'],
    ['the last kind', 'ff 00 00 00 00 00', 'kind'],
    ['a type in an acknowledgement', '01 01 00 00 00 00', 'reserved'],
    ['a sequence number in an acknowledgement', '01 00 01 00 00 00', 'reserved'],
    ['an acknowledge in an end', '05 00 00 01 00 00', 'reserved'],
    ['a type in an end', '05 01 00 00 00 00', 'reserved'],
    ['a window of 33', '01 00 00 00 21 00', 'reserved'],
    ['an unknown flag', '01 00 00 00 00 02', 'reserved'],
    ['an unknown flag beside a known one', '01 00 00 00 00 03', 'reserved'],
    ['again in data', '00 00 00 00 00 01', 'reserved'],
    ['again in an end', '05 00 00 00 00 01', 'reserved'],
    ['payload in an acknowledgement', '01 00 00 00 00 00 00', 'length'],
    ['payload in an end', '05 00 00 00 00 00 00', 'length'],
    ['a short syn', '02 00 00 00 00 00 6d6d667265650001785634', 'length'],
    ['a long syn-ack', '03 00 00 00 00 00 7856341200', 'length'],
    ['a short busy', '04 00 00 00 00 00 78563412', 'length'],
  ])('refuses %s, though the CRC is right', (_, content, reason) => {
    expect(decodeFrame(raw(content))).toBe(reason);
  });

  test('refuses what is too short and too long to be a frame', () => {
    expect(decodeFrame(raw('00 00 00 00 00'))).toBe('length');
    expect(decodeFrame(new Uint8Array(0))).toBe('length');
    expect(decodeFrame(raw('00'.repeat(6 + MAX_PAYLOAD_BYTES + 1)))).toBe('length');
  });

  test('refuses a wrong CRC before it looks at anything else', () => {
    expect(decodeFrame(bytes('ff ff ff ff ff ff 00 00 00 00'))).toBe('crc');
  });
});

describe('an error on the line', () => {
  const next = frameOf({ kind: 'data', type: 0x77, payload: bytes('0102') });

  test.each(ONE_OF_EACH_KIND.map((frame) => [name(frame), frame] as const))(
    'of one bit anywhere spoils %s, and nothing else',
    (_, frame) => {
      const line = encodeFrame(frame);
      for (let bit = 0; bit < 8 * line.length; bit++) {
        const damaged = line.slice();
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        const events = readAll(damaged, encodeFrame(next, true));
        expect(framesIn(events)).toEqual([next]);
        expect(events.some((event) => event.kind !== 'frame')).toBe(true);
      }
    },
  );

  test('of one bit anywhere spoils the longest frame', () => {
    const payload = Uint8Array.from({ length: MAX_PAYLOAD_BYTES }, (_, index) => (index % 300 === 0 ? 0 : index));
    const line = encodeFrame(frameOf({ kind: 'data', payload }));
    for (let at = 0; at < line.length; at++) {
      const damaged = line.slice();
      damaged[at]! ^= 1 << (at & 7);
      expect(framesIn(readAll(damaged, Uint8Array.of(0)))).toEqual([]);
    }
  });

  test('of any two bits spoils an acknowledgement', () => {
    const line = encodeFrame(ONE_OF_EACH_KIND[2]!);
    for (let first = 0; first < 8 * line.length; first++) {
      for (let second = 0; second < first; second++) {
        const damaged = line.slice();
        damaged[first >> 3]! ^= 1 << (first & 7);
        damaged[second >> 3]! ^= 1 << (second & 7);
        expect(framesIn(readAll(damaged, Uint8Array.of(0)))).toEqual([]);
      }
    }
  });
});
