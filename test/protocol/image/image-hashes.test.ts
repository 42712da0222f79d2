import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import { NODE_CRYPTO } from '../../../model/node-crypto.js';
import { WEB_CRYPTO } from '../../../model/web-crypto.js';
import { memorySource } from '../../../protocol/byte-source.js';
import {
  verifyHashes,
  verifySeal,
  verifySections,
  verifySignature,
  verifyWhole,
} from '../../../protocol/image/image-hashes.js';
import { ImageError } from '../../../protocol/image/image-error.js';
import { openImage } from '../../../protocol/image/image-reader.js';
import type { ImageSignature } from '../../../protocol/image/image-seal.js';
import { imageRefusal } from '../../helpers/image-refusal.js';
import { counting } from '../../helpers/sources.js';
import { imageOf, tinyImage, zeroSections } from '../../helpers/tiny-image.js';

const sha256 = (): ReturnType<typeof createHash> => createHash('sha256');

/** What a full check of a changed image says; the view is that of the unchanged one. */
function damagedPart(image: Uint8Array, at: number): unknown {
  const view = openImage(memorySource(image));
  const changed = image.slice();
  changed[at]! ^= 0x10;
  return imageRefusal(() => verifyHashes(memorySource(changed), view, sha256))?.facts.part;
}

/** The part that an asynchronous check names; undefined if it passes. */
async function damagedPartOf(check: Promise<void>): Promise<unknown> {
  try {
    await check;
    return undefined;
  } catch (error) {
    if (error instanceof ImageError) return error.facts['part'];
    throw error;
  }
}

const WIDE = { vocabSize: 600, hiddenSize: 1800, intermediateSize: 1, layers: 1, bosTokenId: 0, eosTokenId: 1 };

// Threads share the two passes out, and WebCrypto has no pieces; together they say what one pass over both says.
test.each(Object.entries({ NODE_CRYPTO, WEB_CRYPTO }))(
  'verifySections and verifyWhole by %s refuse what verifyHashes refuses, each its part',
  async (_, crypto) => {
    const image = tinyImage();
    const view = openImage(memorySource(image));
    const refusals = async (at: number | undefined): Promise<unknown[]> => {
      const changed = image.slice();
      if (at !== undefined) changed[at]! ^= 0x10;
      const checks = [verifySections, verifyWhole].map((check) => check(memorySource(changed), view, crypto));
      return await Promise.all(checks.map(damagedPartOf));
    };
    expect(await refusals(undefined)).toEqual([undefined, undefined]);
    expect(await refusals(300)).toEqual([undefined, 'head']);
    for (const [name, { offset, length }] of Object.entries(view.sections)) {
      expect(await refusals(offset)).toEqual([name, 'head']);
      expect(await refusals(offset + length - 1)).toEqual([name, 'head']);
    }
  },
);

describe('verifyHashes', () => {
  test('accepts an image as it was written', () => {
    const source = memorySource(tinyImage());
    expect(() => verifyHashes(source, openImage(source), sha256)).not.toThrow();
  });

  test('names the section that is damaged, or else the head', () => {
    const image = tinyImage();
    const { sections, sealedLength } = openImage(memorySource(image));
    for (const [name, { offset, length }] of Object.entries(sections)) {
      expect(damagedPart(image, offset)).toBe(name);
      expect(damagedPart(image, offset + length - 1)).toBe(name);
      expect(damagedPart(image, offset - 1)).toBe('head');
    }
    expect(damagedPart(image, 300)).toBe('head');
    expect(sealedLength).toBe(sections.tokenizer.offset + sections.tokenizer.length);
  });

  test('notices another hash in the seal', () => {
    const image = tinyImage();
    image[image.length - 1]! ^= 1;
    const source = memorySource(image);
    expect(imageRefusal(() => verifyHashes(source, openImage(source), sha256))?.code).toBe('image-damaged');
  });

  test('reads every sealed byte once, at most a quarter of a mebibyte at a time, and reports each piece', () => {
    const source = counting(memorySource(imageOf(zeroSections(WIDE))));
    const view = openImage(source);
    source.bytesRead = 0;
    const steps: number[] = [];
    verifyHashes(source, view, sha256, (doneBytes, totalBytes) => {
      steps.push(doneBytes);
      expect(totalBytes).toBe(view.sealedLength);
    });
    expect(source.bytesRead).toBe(view.sealedLength);
    expect(steps.at(-1)).toBe(view.sealedLength);
    expect(Math.max(...steps.map((step, index) => step - (steps[index - 1] ?? 0)))).toBe(2 ** 18);
  });
});

/** Ed25519 by Node; the prefix is the DER header of RFC 8410. */
function ed25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
  return verify(null, message, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature);
}

describe('verifySignature', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const publicBytes = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  const signer = (message: Uint8Array): ImageSignature => ({
    publicKey: publicBytes,
    signature: new Uint8Array(sign(null, message, privateKey)),
  });

  test('accepts the signature of the key that the image names', () => {
    const source = memorySource(tinyImage(1, { sign: signer }));
    const view = openImage(source);
    verifyHashes(source, view, sha256);
    expect(view.seal.signature?.publicKey).toEqual(publicBytes);
    expect(() => verifySignature(view, ed25519)).not.toThrow();
  });

  test('refuses the change of any bit in hash, key or signature', () => {
    const image = tinyImage(1, { sign: signer });
    const { sealedLength } = openImage(memorySource(image));
    for (let at = sealedLength; at < image.length; at++) {
      const changed = image.slice();
      changed[at]! ^= 1 << (at % 8);
      const code = imageRefusal(() => verifySignature(openImage(memorySource(changed)), ed25519))?.code;
      expect(code).toMatch(/^image-(bad-signature|hostile-cbor|inconsistent)$/);
    }
  });

  test('says nothing about an image without one', () => {
    const view = openImage(memorySource(tinyImage()));
    expect(() => verifySignature(view, () => false)).not.toThrow();
  });

  test.each(Object.entries({ NODE_CRYPTO, WEB_CRYPTO }))('verifySeal by %s says the same', async (_, crypto) => {
    const image = tinyImage(1, { sign: signer });
    const { seal } = openImage(memorySource(image));
    await expect(verifySeal({ seal }, crypto)).resolves.toBeUndefined();
    await expect(verifySeal({ seal: { sha256: seal.sha256 } }, crypto)).resolves.toBeUndefined();
    const { publicKey: key, signature } = seal.signature!;
    // A key that is y = 1, of order 1, signs everything with a signature that anybody can write down.
    const neutral = Uint8Array.of(1, ...new Uint8Array(31));
    const others: ImageSignature[] = [
      { publicKey: key, signature: signature.map((byte, at) => (at === 40 ? byte ^ 1 : byte)) },
      { publicKey: neutral, signature: Uint8Array.of(...neutral, ...new Uint8Array(32)) },
    ];
    for (const other of others) {
      const forged = { seal: { sha256: seal.sha256, signature: other } };
      await expect(verifySeal(forged, crypto)).rejects.toThrow(ImageError);
    }
  });
});
