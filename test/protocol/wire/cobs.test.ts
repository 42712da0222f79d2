import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { cobsBound, cobsDecode, cobsEncode } from '../../../protocol/wire/cobs.js';
import { bytes } from '../../helpers/frames.js';

const hexOf = (data: Uint8Array): string => Buffer.from(data).toString('hex');
const range = (first: number, last: number): string =>
  hexOf(Uint8Array.from({ length: last - first + 1 }, (_, index) => first + index));

function encode(data: Uint8Array): Uint8Array {
  const target = new Uint8Array(cobsBound(data.length));
  return target.subarray(0, cobsEncode(data, target));
}

function decode(data: Uint8Array): Uint8Array | undefined {
  const target = new Uint8Array(data.length);
  const length = cobsDecode(data, target);
  return length === undefined ? undefined : target.subarray(0, length);
}

/** By the definition: the groups between zeros, those of more than 254 bytes cut; a phantom zero ends the last. */
function encodeByDefinition(data: Uint8Array): Uint8Array {
  const out: number[] = [];
  let group: number[] = [];
  for (const [index, byte] of data.entries()) {
    if (byte !== 0) group.push(byte);
    const isFull = group.length === 254 && index + 1 < data.length;
    if (byte !== 0 && !isFull) continue;
    out.push(group.length + 1, ...group);
    group = [];
  }
  return Uint8Array.from([...out, group.length + 1, ...group]);
}

/** Long enough for full blocks, with as many zeros as the case wants. */
const anyBytes = fc
  .tuple(fc.integer({ min: 0, max: 1100 }), fc.integer({ min: 1, max: 600 }), fc.nat(0xffff))
  .map(([length, zeroEvery, seed]) =>
    Uint8Array.from({ length }, (_, index) => ((index + seed) % zeroEvery === 0 ? 0 : 1 + ((index * seed) % 255))),
  );

describe('cobsEncode', () => {
  // The table of examples in https://en.wikipedia.org/wiki/Consistent_Overhead_Byte_Stuffing, without delimiters.
  test.each([
    ['00', '01 01'],
    ['00 00', '01 01 01'],
    ['00 11 00', '01 02 11 01'],
    ['11 22 00 33', '03 11 22 02 33'],
    ['11 22 33 44', '05 11 22 33 44'],
    ['11 00 00 00', '02 11 01 01 01'],
    [range(0x01, 0xfe), `ff ${range(0x01, 0xfe)}`],
    [`00 ${range(0x01, 0xfe)}`, `01 ff ${range(0x01, 0xfe)}`],
    [range(0x01, 0xff), `ff ${range(0x01, 0xfe)} 02 ff`],
    [`${range(0x02, 0xff)} 00`, `ff ${range(0x02, 0xff)} 01 01`],
    [`${range(0x03, 0xff)} 00 01`, `fe ${range(0x03, 0xff)} 02 01`],
    // Figure 3 of Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7(2).
    ['45 00 00 2c 4c 79 00 00 40 06 4f 37', '02 45 01 04 2c 4c 79 01 05 40 06 4f 37'],
  ])('makes of %s what the literature says', (plain, stuffed) => {
    expect(hexOf(encode(bytes(plain)))).toBe(hexOf(bytes(stuffed)));
    expect(decode(bytes(stuffed))).toEqual(bytes(plain));
  });

  test('does what the definition says, within the bound, and without a zero', () => {
    fc.assert(
      fc.property(anyBytes, (data) => {
        const stuffed = encode(data);
        expect(hexOf(stuffed)).toBe(hexOf(encodeByDefinition(data)));
        expect(stuffed.length).toBeLessThanOrEqual(cobsBound(data.length));
        expect(stuffed.includes(0)).toBe(false);
      }),
    );
  });

  test('needs the whole bound for bytes without a zero', () => {
    for (const length of [0, 1, 253, 254, 255, 508, 509, 4106]) {
      expect(encode(new Uint8Array(length).fill(1))).toHaveLength(cobsBound(length));
    }
  });
});

describe('cobsDecode', () => {
  test('gives back what was encoded, also in the same array', () => {
    fc.assert(
      fc.property(anyBytes, (data) => {
        const stuffed = encode(data);
        expect(decode(stuffed)).toEqual(data);
        const length = cobsDecode(stuffed, stuffed);
        expect(stuffed.subarray(0, length)).toEqual(data);
      }),
    );
  });

  test('takes an empty block after a full last one, as encoders of the paper write it', () => {
    expect(decode(bytes(`ff ${range(0x01, 0xfe)} 01`))).toEqual(bytes(range(0x01, 0xfe)));
  });

  test.each([
    ['nothing', ''],
    ['a block that is cut short', '03 11'],
    ['a block that is not there', '02 11 05'],
    ['a zero as a code', '00'],
    ['a zero as a code after a block', '02 11 00'],
    ['a zero in a block', '03 11 00'],
    ['a full block that is cut short', 'ff 11'],
  ])('refuses %s', (_, stuffed) => {
    expect(decode(bytes(stuffed))).toBeUndefined();
  });

  test('reads of any bytes only what encodes to the same, but for that empty block', () => {
    const codes = fc.oneof(fc.constantFrom(1, 2, 3), fc.nat(255));
    fc.assert(
      fc.property(fc.array(codes, { minLength: 1, maxLength: 600 }), (numbers) => {
        const stuffed = Uint8Array.from(numbers);
        const data = decode(stuffed);
        if (data === undefined) return;
        expect([hexOf(stuffed), hexOf(stuffed.subarray(0, -1))]).toContain(hexOf(encode(data)));
      }),
    );
  });
});
