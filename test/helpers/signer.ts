/** Ed25519 keys that sign images in tests. */

import { generateKeyPairSync, sign } from 'node:crypto';
import type { ImageSignature } from '../../protocol/image/image-seal.js';

export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly pem: string;
  readonly sign: (message: Uint8Array) => ImageSignature;
}

/** A new key; what it signs does not depend on which. */
export function newSigner(): Signer {
  const keys = generateKeyPairSync('ed25519');
  const { x = '' } = keys.publicKey.export({ format: 'jwk' });
  const publicKey = new Uint8Array(Buffer.from(x, 'base64url'));
  return {
    publicKey,
    pem: String(keys.privateKey.export({ format: 'pem', type: 'pkcs8' })),
    sign: (message) => ({ publicKey, signature: new Uint8Array(sign(null, message, keys.privateKey)) }),
  };
}
