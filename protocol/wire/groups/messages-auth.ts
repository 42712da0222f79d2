/**
 * The group `auth.1`: host and board prove to each other that they have the same key, before the board serves.
 * docs/PROTOCOL.md, section 8. HMAC-SHA-256 is the platform's; here is what it is taken of.
 */

import { fixedBytes } from '../layout.js';
import { fixedMessage } from '../message.js';
import type { MessageGroup } from '../message-group.js';

export const KEY_BYTES = 32;
export const AUTH_NONCE_BYTES = 32;
const PROOF_BYTES = 32;

/** From the board, behind its first HELLO. The nonce is random, another one in every session. */
export const CHALLENGE = fixedMessage(0xe0, 'CHALLENGE', { nonce: fixedBytes(AUTH_NONCE_BYTES) });

/** The host's nonce, and its proof. Answer: `PROVEN`, then the board's own HELLO; or `ERROR`, and the end. */
export const PROVE = fixedMessage(0x60, 'PROVE', {
  nonce: fixedBytes(AUTH_NONCE_BYTES),
  proof: fixedBytes(PROOF_BYTES),
});

/** The board's proof, which covers the HELLO behind it. */
export const PROVEN = fixedMessage(0xe1, 'PROVEN', { proof: fixedBytes(PROOF_BYTES) });

/** Codes of `ERROR` for `PROVE`, with their facts. */
export const AUTH_ERRORS = {
  wrongProof: 60,
  /** Another host has the board: the milliseconds for which it has been silent. */
  held: 61,
} as const;

export const AUTH_GROUP: MessageGroup = {
  name: 'auth.1',
  messages: [PROVE, CHALLENGE, PROVEN],
  errors: AUTH_ERRORS,
};

/** What both sides know of the session when they prove themselves: payloads and nonces as they were on the line. */
export interface AuthSession {
  /** Payload of the board's first HELLO. */
  readonly gate: Uint8Array;
  readonly boardNonce: Uint8Array;
  readonly hostNonce: Uint8Array;
}

/** What the host's proof is the HMAC of. */
export function hostProofInput({ gate, boardNonce, hostNonce }: AuthSession): Uint8Array {
  return withLengths([ascii('mmfree auth.1 host'), gate, boardNonce, hostNonce]);
}

/** What the board's proof is the HMAC of. @param hello payload of the board's own HELLO */
export function boardProofInput({ gate, boardNonce, hostNonce }: AuthSession, hello: Uint8Array): Uint8Array {
  return withLengths([ascii('mmfree auth.1 board'), gate, boardNonce, hostNonce, hello]);
}

/** Each part behind its length as u32. */
function withLengths(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + 4 + length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  return bytes;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
