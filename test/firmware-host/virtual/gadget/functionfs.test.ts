/** What FunctionFS of Linux reads and writes, by its documentation; the kernel itself is asked in test/usb-lab. */

import { describe, expect, it } from 'vitest';
import { decodeEvent, encodeDescriptors, encodeStrings } from '../../../../firmware-host/virtual/gadget/functionfs.js';

const words = (bytes: Uint8Array, count: number): number[] =>
  Array.from(new Uint32Array(bytes.slice(0, 4 * count).buffer));

describe('FunctionFS', () => {
  it('is given descriptors for two speeds, counted and measured', () => {
    const descriptors = [Uint8Array.of(9, 4, 0, 0, 0, 0xfe, 1, 2, 1), Uint8Array.of(9, 0x21, 7, 0xe8, 3, 0, 16, 16, 1)];
    const bytes = encodeDescriptors(descriptors);
    // Magic of version 2, length, flags (full and high speed), counts.
    expect(words(bytes, 5)).toEqual([3, bytes.length, 3, 2, 2]);
    const once = descriptors.flatMap((one) => [...one]);
    expect(Array.from(bytes.subarray(20))).toEqual([...once, ...once]);
  });

  it('is given strings in one language', () => {
    const bytes = encodeStrings(['weights', 'a']);
    expect(words(bytes, 4)).toEqual([2, bytes.length, 2, 1]);
    expect(Buffer.from(bytes.subarray(16)).toString('latin1')).toBe('\x09\x04weights\0a\0');
  });

  it('says who has come and gone, and what is asked', () => {
    const event = (type: number): Uint8Array => Uint8Array.of(0xa1, 3, 1, 2, 3, 0, 6, 0, type, 0, 0, 0);
    const kinds = [0, 1, 2, 3, 4, 5, 6].map((type) => decodeEvent(event(type))?.kind);
    expect(kinds).toEqual(['bind', 'unbind', 'enable', 'disable', 'setup', 'suspend', 'resume']);
    const setup = { requestType: 0xa1, request: 3, value: 0x0201, index: 3, length: 6 };
    expect(decodeEvent(event(4))).toEqual({ kind: 'setup', setup });
    expect(decodeEvent(event(7))).toBeUndefined();
  });
});
