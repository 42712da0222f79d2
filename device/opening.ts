/**
 * A host's side of the opening of a session: the board's HELLO, and before it the proof that both have the key, if
 * there is one (`auth.1`). docs/PROTOCOL.md, sections 4 and 8.
 */

import { sameBytes } from '../protocol/little-endian.js';
import { hmacSha256, sameProof, sha256 } from '../protocol/sha256.js';
import type { Layout, LayoutValue } from '../protocol/wire/layout.js';
import { decodeMessage, encodeMessage } from '../protocol/wire/message.js';
import type { FixedMessage } from '../protocol/wire/message.js';
import { groupText, tableHash } from '../protocol/wire/message-group.js';
import {
  AUTH_ERRORS,
  AUTH_GROUP,
  AUTH_NONCE_BYTES,
  boardProofInput,
  CHALLENGE,
  hostProofInput,
  PROVE,
  PROVEN,
} from '../protocol/wire/groups/messages-auth.js';
import type { AuthSession } from '../protocol/wire/groups/messages-auth.js';
import { SCHEMA } from '../protocol/wire/message-schema.js';
import { decodeHello } from '../protocol/wire/messages.js';
import { ERROR, HELLO } from '../protocol/wire/messages-board.js';
import type { Hello } from '../protocol/wire/messages-board.js';
import {
  boardHasOtherKey,
  boardHeld,
  boardMalformed,
  boardWantsKey,
  boardWantsNoKey,
  keyRefused,
  unservedBy,
} from './board-error.js';
import { boardRefuses } from './refusal-error.js';

const AUTH_SCHEMA = tableHash(groupText(AUTH_GROUP), sha256);

/** What comes of a message of the board. */
export type OpeningStep =
  | { readonly kind: 'wait' }
  | { readonly kind: 'send'; readonly type: number; readonly payload: Uint8Array }
  | { readonly kind: 'hello'; readonly hello: Hello };

/** What is waited for. */
type State =
  | { readonly kind: 'hello' }
  | { readonly kind: 'challenge'; readonly key: Uint8Array; readonly gate: Uint8Array }
  | { readonly kind: 'proven'; readonly key: Uint8Array; readonly session: AuthSession }
  | {
      readonly kind: 'proven-hello';
      readonly key: Uint8Array;
      readonly session: AuthSession;
      readonly proof: Uint8Array;
    };

export class Opening {
  readonly #name: string;
  readonly #key: Uint8Array | undefined;
  #state: State = { kind: 'hello' };

  /** @param key 32 bytes; a board that asks for none is refused then */
  constructor(name: string, key: Uint8Array | undefined) {
    this.#name = name;
    this.#key = key;
  }

  /** Takes the next message. @throws BoardError if there will be no session */
  take(type: number, payload: Uint8Array): OpeningStep {
    const state = this.#state;
    if (state.kind === 'hello') return this.#onHello(type, payload);
    if (state.kind === 'challenge') return this.#prove(state, this.#expect(CHALLENGE, type, payload).nonce.slice());
    if (state.kind === 'proven') {
      if (type === ERROR.type) throw this.#refusal(payload);
      this.#state = { ...state, kind: 'proven-hello', proof: this.#expect(PROVEN, type, payload).proof.slice() };
      return { kind: 'wait' };
    }
    const proof = hmacSha256(state.key, boardProofInput(state.session, payload));
    if (type !== HELLO.type || !sameProof(proof, state.proof)) throw boardHasOtherKey(this.#name);
    return this.#readHello(payload);
  }

  #prove({ key, gate }: State & { kind: 'challenge' }, boardNonce: Uint8Array): OpeningStep {
    const hostNonce = crypto.getRandomValues(new Uint8Array(AUTH_NONCE_BYTES));
    const session = { gate, boardNonce, hostNonce };
    this.#state = { kind: 'proven', key, session };
    const proof = hmacSha256(key, hostProofInput(session));
    return { kind: 'send', type: PROVE.type, payload: encodeMessage(PROVE, { nonce: hostNonce, proof }) };
  }

  #onHello(type: number, payload: Uint8Array): OpeningStep {
    if (type !== HELLO.type) throw boardMalformed(this.#name, `its first message is of type ${type}`);
    const result = decodeHello(payload, SCHEMA);
    const isGate = result.kind === 'gate' && sameBytes(result.gate.schema, AUTH_SCHEMA);
    if (!isGate) {
      if (this.#key !== undefined && result.kind === 'hello') throw boardWantsNoKey(this.#name);
      return this.#readHello(payload);
    }
    if (this.#key === undefined) throw boardWantsKey(this.#name, result.gate.board);
    this.#state = { kind: 'challenge', key: this.#key, gate: payload.slice() };
    return { kind: 'wait' };
  }

  #readHello(payload: Uint8Array): OpeningStep {
    const result = decodeHello(payload, SCHEMA);
    if (result.kind === 'malformed') throw boardMalformed(this.#name, `its HELLO is not valid: ${result.problem}`);
    if (result.kind !== 'hello') throw unservedBy(this.#name, result);
    return { kind: 'hello', hello: result.hello };
  }

  #expect<L extends Layout>(message: FixedMessage<L>, type: number, payload: Uint8Array): LayoutValue<L> {
    const value = type === message.type ? decodeMessage(message, payload) : undefined;
    if (value === undefined) throw boardMalformed(this.#name, `no ${message.name} comes where it must`);
    return value;
  }

  #refusal(payload: Uint8Array): Error {
    const error = decodeMessage(ERROR, payload);
    if (error === undefined) return boardMalformed(this.#name, 'an ERROR has the wrong length or values');
    if (error.code === AUTH_ERRORS.wrongProof) return keyRefused(this.#name);
    if (error.code === AUTH_ERRORS.held) return boardHeld(this.#name, error.factA);
    return boardRefuses(this.#name, error);
  }
}
