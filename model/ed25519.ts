/** Ed25519 signatures (RFC 8032) with keys as the 32 raw bytes that images and boards carry. */
import { createPublicKey, verify } from 'node:crypto';

/** DER header of an Ed25519 public key (RFC 8410, section 4), in front of the 32 raw bytes. */
const SPKI_PREFIX = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);

/** The field of the curve. */
const P = 2n ** 255n - 19n;

/**
 * y of the eight points whose order divides 8: of orders 1, 2, 4 and, twice, 8. RFC 8032 accepts them as keys; who
 * has one needs no secret to sign.
 */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  1n,
  P - 1n,
  0n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  P - 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]);

/**
 * Whether `signature` (64 bytes) is one over `message` by the owner of `publicKey` (32 bytes). Never by a key of small
 * order, which everybody owns.
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (hasSmallOrder(publicKey)) return false;
  const key = createPublicKey({ key: Buffer.from([...SPKI_PREFIX, ...publicKey]), format: 'der', type: 'spki' });
  return verify(null, message, key, signature);
}

/** Of 32 bytes: by y alone, reduced, whatever the sign of x, so also in encodings that are not canonical. */
export function hasSmallOrder(publicKey: Uint8Array): boolean {
  const bytes = publicKey.toReversed();
  bytes[0] &= 0x7f;
  return SMALL_ORDER_Y.has(BigInt(`0x${Buffer.from(bytes).toString('hex')}`) % P);
}
