import { encode } from 'cborg';
import { describe, expect, test } from 'vitest';

import { decodeSeal, encodeSeal, sealBytes, signedMessage } from '../../../protocol/image/image-seal.js';
import { imageRefusal } from '../../helpers/image-refusal.js';

const sha256 = new Uint8Array(32).fill(1);
const publicKey = new Uint8Array(32).fill(2);
const signature = new Uint8Array(64).fill(3);

describe('the seal', () => {
  test.each([
    ['unsigned', { sha256 }, { sha256 }],
    ['signed', { sha256, signature: { publicKey, signature } }, { sha256, signature, public_key: publicKey }],
  ])('is the map of the specification when %s', (_, seal, map) => {
    expect(Buffer.from(encode(map)).equals(encodeSeal(seal))).toBe(true);
    expect(decodeSeal(encode(map))).toEqual(seal);
    expect(sealBytes('signature' in seal)).toBe(encode(map).length);
  });

  test.each([
    ['a number', 0],
    ['an empty map', {}],
    ['no hash', { public_key: publicKey, signature }],
    ['a short hash', { sha256: new Uint8Array(31) }],
    ['a hash as text', { sha256: '0'.repeat(32) }],
    ['a key without a signature', { sha256, public_key: publicKey }],
    ['a signature without a key', { sha256, signature }],
    ['a long key', { sha256, signature, public_key: new Uint8Array(33) }],
    ['a short signature', { sha256, signature: new Uint8Array(63), public_key: publicKey }],
    ['another key', { sha256, comment: new Uint8Array(32) }],
    ['one key too many', { sha256, signature, public_key: publicKey, comment: 0 }],
  ])('is refused if it is or has %s', (_, value) => {
    expect(imageRefusal(() => decodeSeal(encode(value)))?.code).toBe('image-inconsistent');
  });

  test('cannot be made from hashes, keys or signatures of other lengths', () => {
    expect(() => encodeSeal({ sha256: new Uint8Array(20) })).toThrow(RangeError);
    expect(() => encodeSeal({ sha256, signature: { publicKey: signature, signature } })).toThrow(RangeError);
  });
});

test('the signed message is the text, a zero byte and the hash', () => {
  expect(Buffer.from(signedMessage(sha256)).toString('latin1')).toBe(`mmfree image v1\0${'\x01'.repeat(32)}`);
});
