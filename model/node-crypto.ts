/**
 * Hashes and signatures by node:crypto, which takes a hash in pieces: of an image of any size, 1 MiB is in memory at a
 * time.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { hashPieces, type ImageCrypto, type IncrementalHash } from '../protocol/image/image-hashes.js';
import { hasSmallOrder } from './small-order.js';

/** DER header of an Ed25519 public key (RFC 8410, section 4), in front of the 32 raw bytes. */
const SPKI_PREFIX = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);

export const createSha256 = (): IncrementalHash => createHash('sha256');

/**
 * Whether `signature` (64 bytes) is one over `message` by the owner of `publicKey` (32 bytes). Never by a key of small
 * order, which everybody owns.
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (hasSmallOrder(publicKey)) return false;
  const key = createPublicKey({ key: Buffer.from([...SPKI_PREFIX, ...publicKey]), format: 'der', type: 'spki' });
  return verify(null, message, key, signature);
}

/** For those who can wait. */
export const NODE_CRYPTO: ImageCrypto = {
  sha256: (source, from, to) => Promise.resolve(hashPieces(source, from, to, createSha256())),
  verifyEd25519: (...parts) => Promise.resolve(verifyEd25519(...parts)),
};
