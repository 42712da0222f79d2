/** Payloads of the frames that open a session. docs/PROTOCOL.md, section 2. */

/** "mmfree" and a zero. */
const MAGIC = Uint8Array.of(0x6d, 0x6d, 0x66, 0x72, 0x65, 0x65, 0);
const VERSION_AT = 7;
const NONCE_AT = 8;
const SYN_BYTES = 12;

/** Version of frames, link and messages. */
export const PROTOCOL_VERSION = 1;

/** @param nonce 0 … 2³² − 1 */
export function synPayload(nonce: number): Uint8Array {
  const payload = new Uint8Array(SYN_BYTES);
  payload.set(MAGIC);
  payload[VERSION_AT] = PROTOCOL_VERSION;
  new DataView(payload.buffer).setUint32(NONCE_AT, nonce, true);
  return payload;
}

/** The nonce of a `syn` of any version; undefined if it is something else. */
export function synNonce(payload: Uint8Array): number | undefined {
  const isSyn = payload.length === SYN_BYTES && MAGIC.every((byte, index) => payload[index] === byte);
  if (!isSyn) return undefined;
  return new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(NONCE_AT, true);
}

export function synAckPayload(nonce: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, nonce, true);
  return payload;
}

/** @param silentMs since the host that holds the board was heard */
export function busyPayload(nonce: number, silentMs: number): Uint8Array {
  const payload = new Uint8Array(8);
  const view = new DataView(payload.buffer);
  view.setUint32(0, nonce, true);
  view.setUint32(4, Math.round(silentMs), true);
  return payload;
}
