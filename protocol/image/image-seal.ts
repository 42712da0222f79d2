/**
 * The seal, the last element of an image: the hash of everything before it and, in a signed image, an Ed25519
 * signature. docs/IMAGE.md, section 5.
 */

import { decodeCbor, encodeCbor } from '../cbor.js';
import { inconsistentImage } from './image-error.js';

/** What a signer adds. */
export interface ImageSignature {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes over {@link signedMessage}. */
  readonly signature: Uint8Array;
}

/** The hash that seals an image, and the signature over it if there is one. */
export interface ImageSeal {
  /** SHA-256 of every byte before the seal, 32 bytes. */
  readonly sha256: Uint8Array;
  readonly signature?: ImageSignature;
}

/** Every SHA-256 has as many bytes. */
export const SHA256_BYTES = 32;

const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const SIGNED_TEXT = 'mmfree image v1\0';

/** Bytes of a seal: the head of the map, then for each key its head, its text, the head of the value, the value. */
export function sealBytes(signed: boolean): number {
  const unsigned = 1 + (1 + 6) + (2 + SHA256_BYTES);
  return signed ? unsigned + (1 + 9) + (2 + SIGNATURE_BYTES) + (1 + 10) + (2 + PUBLIC_KEY_BYTES) : unsigned;
}

/** What a signature covers: the text `mmfree image v1`, a zero byte, and the hash. */
export function signedMessage(sha256: Uint8Array): Uint8Array {
  return Uint8Array.of(...Array.from(SIGNED_TEXT, (character) => character.charCodeAt(0)), ...sha256);
}

/** @throws RangeError if a hash, key or signature has the wrong length */
export function encodeSeal(seal: ImageSeal): Uint8Array {
  const { sha256, signature } = seal;
  const bytes = encodeCbor({
    sha256,
    ...(signature && { public_key: signature.publicKey, signature: signature.signature }),
  });
  if (parseSeal(decodeCbor(bytes)) === undefined) throw new RangeError('a seal needs 32, 32 and 64 bytes');
  return bytes;
}

/**
 * @throws CborError if the bytes are not an item
 * @throws ImageError `image-inconsistent` if they are, but not a seal
 */
export function decodeSeal(bytes: Uint8Array): ImageSeal {
  const seal = parseSeal(decodeCbor(bytes));
  if (seal === undefined) throw inconsistentImage('the seal has other keys or lengths than it must have');
  return seal;
}

function parseSeal(value: unknown): ImageSeal | undefined {
  if (!(value instanceof Map)) return undefined;
  const map: ReadonlyMap<unknown, unknown> = value;
  const sha256 = ofLength(map.get('sha256'), SHA256_BYTES);
  if (sha256 === undefined) return undefined;
  if (map.size === 1) return { sha256 };

  const publicKey = ofLength(map.get('public_key'), PUBLIC_KEY_BYTES);
  const signature = ofLength(map.get('signature'), SIGNATURE_BYTES);
  if (publicKey === undefined || signature === undefined || map.size !== 3) return undefined;
  return { sha256, signature: { publicKey, signature } };
}

function ofLength(value: unknown, length: number): Uint8Array | undefined {
  return value instanceof Uint8Array && value.length === length ? value : undefined;
}
