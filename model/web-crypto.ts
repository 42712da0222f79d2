/**
 * Hashes and signatures by WebCrypto, as browsers have it (in pages from https or from this computer) and Node too. A
 * digest takes all bytes at once, so what is hashed must be in memory.
 */
import type { ImageCrypto } from '../protocol/image/image-hashes.js';
import { hasSmallOrder } from './small-order.js';

export const WEB_CRYPTO: ImageCrypto = {
  async sha256(source, from, to) {
    return new Uint8Array(await crypto.subtle.digest('SHA-256', unshared(source.read(from, to - from))));
  },
  async verifyEd25519(publicKey, message, signature) {
    if (hasSmallOrder(publicKey)) return false;
    const key = await crypto.subtle.importKey('raw', unshared(publicKey), 'Ed25519', false, ['verify']);
    return await crypto.subtle.verify('Ed25519', key, unshared(signature), unshared(message));
  },
};

/** WebCrypto refuses memory that threads share. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}
