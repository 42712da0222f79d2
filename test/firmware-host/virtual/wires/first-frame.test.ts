import { describe, expect, it } from 'vitest';
import { beginsWithSyn } from '../../../../firmware-host/virtual/wires/first-frame.js';
import { encodeFrame } from '../../../../protocol/wire/frame.js';
import { synPayload } from '../../../../protocol/wire/opening.js';
import { frameOf, joined, ONE_OF_EACH_KIND } from '../../../helpers/frames.js';

const SYN = encodeFrame(frameOf({ kind: 'syn', window: 32, payload: synPayload(0x0102_0304) }), false);
const text = (characters: string): Uint8Array => new TextEncoder().encode(characters);

it('the bytes stay as they are, for the board', () => {
  const bytes = Buffer.from(SYN);
  beginsWithSyn(bytes);
  expect(bytes.equals(SYN)).toBe(true);
});

describe('a connection begins with the SYN of a host', () => {
  it.each<[string, Uint8Array]>([
    ['alone', SYN],
    ['behind a zero', joined([Uint8Array.of(0), SYN])],
    ['behind 16 zeros', joined([new Uint8Array(16), SYN])],
    ['with more behind it', joined([SYN, text('anything')])],
    ['with any nonce', encodeFrame(frameOf({ kind: 'syn', payload: synPayload(0) }), true)],
  ])('%s, wherever it is cut', (_, bytes) => {
    expect(beginsWithSyn(bytes)).toBe(true);
    expect(beginsWithSyn(Buffer.from(bytes))).toBe(true);
    for (let length = 0; length < bytes.indexOf(SYN[0]!) + SYN.length - 1; length++) {
      expect(beginsWithSyn(bytes.subarray(0, length))).toBeUndefined();
    }
  });

  it.each<[string, Uint8Array]>([
    ['an HTTP request with a SYN as its body', joined([text('POST / HTTP/1.1\r\n\r\n'), Uint8Array.of(0), SYN])],
    ['an HTTP request before its head is over', text('POST /flash HTTP/1.1\r\nHo')],
    ['the hello of TLS', Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0)],
    ['17 zeros', joined([new Uint8Array(17), SYN])],
    ['nothing but zeros', new Uint8Array(17)],
    ['24 bytes without a zero', new Uint8Array(24).fill(2)],
    ['a SYN whose CRC is wrong', SYN.with(12, SYN[12]! ^ 1)],
    ['a SYN without the magic', encodeFrame(frameOf({ kind: 'syn', payload: synPayload(1).with(0, 0x4d) }), false)],
    ['one more byte in front', joined([Uint8Array.of(1), SYN])],
    ...ONE_OF_EACH_KIND.filter(({ kind }) => kind !== 'syn').map((frame): [string, Uint8Array] => [
      `a frame ${frame.kind}`,
      encodeFrame(frame, false),
    ]),
  ])('and not with %s', (_, bytes) => {
    expect(beginsWithSyn(bytes)).toBe(false);
  });
});
