/** The board's side of `auth.1`: what a host must prove before the board serves it. docs/PROTOCOL.md, section 8. */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { sha256 } from '../../protocol/sha256.js';
import { groupText, tableHash } from '../../protocol/wire/message-group.js';
import { decodeMessage } from '../../protocol/wire/message.js';
import {
  AUTH_GROUP,
  AUTH_NONCE_BYTES,
  boardProofInput,
  CHALLENGE,
  hostProofInput,
  PROVE,
  PROVEN,
} from '../../protocol/wire/groups/messages-auth.js';
import type { AuthSession } from '../../protocol/wire/groups/messages-auth.js';
import { GATE_HELLO } from '../../protocol/wire/messages-board.js';
import { PROTOCOL_VERSION } from '../../protocol/wire/opening.js';
import { mapReply, reply } from './request.js';
import type { Reply } from './request.js';

const SCHEMA = tableHash(groupText(AUTH_GROUP), sha256);

/** One session: a nonce is used once. */
export class Gate {
  readonly #key: Uint8Array;
  readonly #hello: Reply;
  readonly #boardNonce = new Uint8Array(randomBytes(AUTH_NONCE_BYTES));
  #session: AuthSession | undefined;

  /** @param board what the board calls itself, which is all that it says before */
  constructor(key: Uint8Array, board: string) {
    this.#key = key;
    const capabilities = [AUTH_GROUP.name];
    this.#hello = mapReply(GATE_HELLO, { protocol: PROTOCOL_VERSION, schema: SCHEMA, board, capabilities });
  }

  /** What a host hears first. */
  get opening(): readonly Reply[] {
    return [this.#hello, reply(CHALLENGE, { nonce: this.#boardNonce })];
  }

  /** Whether the payload of a `PROVE` comes from who has the key. Asked once. */
  isProof(payload: Uint8Array): boolean {
    const proof = decodeMessage(PROVE, payload);
    if (proof === undefined) return false;
    // The payload belongs to the link.
    const hostNonce = proof.nonce.slice();
    const session = { gate: this.#hello.payload, boardNonce: this.#boardNonce, hostNonce };
    if (!timingSafeEqual(this.#hmac(hostProofInput(session)), proof.proof)) return false;
    this.#session = session;
    return true;
  }

  /** The board's own proof, for the HELLO that follows it. Not before {@link isProof}. */
  proofOf(hello: Uint8Array): Reply {
    if (this.#session === undefined) throw new TypeError('the host has proven nothing');
    return reply(PROVEN, { proof: this.#hmac(boardProofInput(this.#session, hello)) });
  }

  #hmac(input: Uint8Array): Uint8Array {
    return new Uint8Array(createHmac('sha256', this.#key).update(input).digest());
  }
}
