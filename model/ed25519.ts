/** Ed25519 signatures (RFC 8032) with keys as the 32 raw bytes that images and boards carry. */
import { createPublicKey, verify } from 'node:crypto';

/** DER header of an Ed25519 public key (RFC 8410, section 4), in front of the 32 raw bytes. */
const SPKI_PREFIX = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);

/** Whether `signature` (64 bytes) is one over `message` by the owner of `publicKey` (32 bytes). */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from([...SPKI_PREFIX, ...publicKey]), format: 'der', type: 'spki' });
  return verify(null, message, key, signature);
}
