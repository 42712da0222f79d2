import { createHash, createHmac, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { hmacSha256, sameProof, sha256 } from '../../protocol/sha256.js';
import { hexOf } from '../../protocol/hex.js';
import { count } from '../helpers/counts.js';

// FIPS 180-4's own examples (NIST, "Secure Hash Standard: example values").
test.each([
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
])('the hash of "%s"', (text, expected) => {
  expect(hexOf(sha256(new TextEncoder().encode(text)))).toBe(expected);
});

test('hashes are those of node:crypto, for every length around blocks and beyond', () => {
  const lengths = [...Array(300).keys(), ...Array.from({ length: count(20, 2000) }, (_, k) => 4096 * (k % 50) + k)];
  const wrong = lengths
    .map((length) => new Uint8Array(randomBytes(length)))
    .filter((bytes) => hexOf(sha256(bytes)) !== createHash('sha256').update(bytes).digest('hex'));
  expect(wrong.map(hexOf)).toEqual([]);
});

// RFC 4231, test cases 1, 2 and 6: a short key, a shorter one, and one longer than a block.
test.each([
  [new Uint8Array(20).fill(0x0b), 'Hi There', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
  [
    new TextEncoder().encode('Jefe'),
    'what do ya want for nothing?',
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  ],
  [
    new Uint8Array(131).fill(0xaa),
    'Test Using Larger Than Block-Size Key - Hash Key First',
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  ],
])('HMAC of RFC 4231 %#', (key, text, expected) => {
  expect(hexOf(hmacSha256(key, new TextEncoder().encode(text)))).toBe(expected);
});

test('HMACs are those of node:crypto', () => {
  for (let length = 0; length < 200; length++) {
    const key = new Uint8Array(randomBytes(length));
    const message = new Uint8Array(randomBytes(3 * length));
    expect(hexOf(hmacSha256(key, message))).toBe(createHmac('sha256', key).update(message).digest('hex'));
  }
});

test('proofs are the same if all their bytes are', () => {
  const proof = sha256(Uint8Array.of(1));
  expect(sameProof(proof, proof.slice())).toBe(true);
  for (let index = 0; index < 32; index++) {
    expect(
      sameProof(
        proof,
        proof.map((byte, at) => (at === index ? byte ^ 0x80 : byte)),
      ),
    ).toBe(false);
  }
  expect(sameProof(proof, proof.subarray(1))).toBe(false);
});
