/** Keys of Ed25519 (RFC 8032), 32 bytes, that are nobody's: images and boards are not signed by them. */

import { hexOf } from '../protocol/hex.js';

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

/** Of 32 bytes: by y alone, reduced, whatever the sign of x, so also in encodings that are not canonical. */
export function hasSmallOrder(publicKey: Uint8Array): boolean {
  const bytes = publicKey.toReversed();
  bytes[0] &= 0x7f;
  return SMALL_ORDER_Y.has(BigInt(`0x${hexOf(bytes)}`) % P);
}
