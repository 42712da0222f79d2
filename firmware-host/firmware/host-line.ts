/**
 * A line of a board to hosts: its link, and the key that a host must have, if it is a line for which there is one. What
 * is behind it hears of a session when the host may have it.
 */

import { BoardLink } from '../../protocol/wire/board-link.js';
import type { LinkEvent, LinkStatistics } from '../../protocol/wire/link.js';
import { AUTH_ERRORS, PROVE } from '../../protocol/wire/groups/messages-auth.js';
import { BOARD_ERRORS, ERROR } from '../../protocol/wire/messages-board.js';
import { Gate } from './gate.js';
import { reply } from './request.js';
import type { Reply } from './request.js';

/** How the owner of a wire makes a line of it. */
export interface BoardLineOptions {
  /** Puts bytes on the line, at once and in order. */
  readonly write: (bytes: Uint8Array) => void;
  /** Whether the line takes another frame now; always, if absent. */
  readonly isReady?: () => boolean;
  /** Is told when the host on this line gets a session, and when it has none any more. */
  readonly onSession?: (isOpen: boolean) => void;
  /** 32 bytes that the host must have too; a line without one is for everybody. */
  readonly key?: Uint8Array;
  /** Takes the connection away after what was written: the host has not the key. For lines with a key. */
  readonly hangUp?: () => void;
}

export interface HostLineOptions extends BoardLineOptions {
  readonly now: () => number;
  /** What the board calls itself. */
  readonly board: string;
  /** Requests of a session that there is room for. */
  readonly room: () => number;
  readonly heldElsewhereMs: () => number | undefined;
  readonly onEvent: (event: LinkEvent) => void;
}

/** The answer to a wrong proof waits for so long. Other connections do not. */
const REFUSAL_PAUSE_MS = 1000;
/** One message is all that an unknown host needs to have read. */
const ROOM_BEFORE_PROOF = 1;
/** Far more than it takes to prove oneself, with frames repeated. */
const MAX_BYTES_BEFORE_PROOF = 8192;

type State =
  /** No session, or one that is open. */
  | { readonly kind: 'passed'; readonly gate: Gate | undefined }
  | { readonly kind: 'proving'; readonly gate: Gate; readonly opened: LinkEvent }
  | { readonly kind: 'refused'; readonly code: number; readonly fact: number; readonly atMs: number };

export class HostLine {
  readonly #options: HostLineOptions;
  readonly #link: BoardLink;
  #state: State = { kind: 'passed', gate: undefined };
  #bytesBeforeProof = 0;
  #isGone = false;

  constructor(options: HostLineOptions) {
    this.#options = options;
    const { now, write, isReady, key, room, heldElsewhereMs } = options;
    this.#link = new BoardLink({
      now,
      write,
      ...(isReady && { isReady }),
      room: () => (this.#state.kind === 'passed' ? room() : ROOM_BEFORE_PROOF),
      onEvent: (event) => this.#onEvent(event),
      // With a key it is told to who has proven himself.
      heldElsewhereMs: key === undefined ? heldElsewhereMs : (): undefined => undefined,
    });
  }

  get statistics(): LinkStatistics {
    return this.#link.statistics;
  }

  get silentMs(): number {
    return this.#link.silentMs;
  }

  get canSend(): boolean {
    return this.#link.canSend;
  }

  /** Whether a message would go out at once. */
  get sendsNow(): boolean {
    return this.#link.sendsNow;
  }

  receive(bytes: Uint8Array): void {
    if (this.#isGone) return;
    const wasOpen = this.#options.key === undefined || (this.#state.kind === 'passed' && this.#link.isOpen);
    this.#bytesBeforeProof = wasOpen ? 0 : this.#bytesBeforeProof + bytes.length;
    if (this.#bytesBeforeProof > MAX_BYTES_BEFORE_PROOF) this.#hangUp();
    else this.#link.receive(bytes);
  }

  send({ type, payload }: Reply): void {
    this.#link.send(type, payload);
  }

  /** The first message of a session, behind the proof that it is this board's. */
  greeting(hello: Reply): readonly Reply[] {
    const gate = this.#state.kind === 'passed' ? this.#state.gate : undefined;
    return gate === undefined ? [hello] : [gate.proofOf(hello.payload), hello];
  }

  poll(): number {
    const waitMs = this.#link.poll();
    if (this.#state.kind !== 'refused' || this.#isGone) return waitMs;
    const refusalMs = this.#state.atMs - this.#options.now();
    if (refusalMs > 0) return Math.min(waitMs, Math.ceil(refusalMs));
    const { code, fact } = this.#state;
    this.send(reply(ERROR, { code, request: PROVE.type, factA: fact, factB: 0 }));
    this.#hangUp();
    return Infinity;
  }

  close(): void {
    this.#link.close();
  }

  onSession(isOpen: boolean): void {
    this.#options.onSession?.(isOpen);
  }

  #onEvent(event: LinkEvent): void {
    const { key, board, onEvent } = this.#options;
    if (event.kind === 'opened' && key !== undefined) {
      // A failed try costs the connection, also if it is opened again.
      if (this.#state.kind === 'refused') return;
      const gate = new Gate(key, board);
      this.#state = { kind: 'proving', gate, opened: event };
      for (const message of gate.opening) this.send(message);
    } else if (event.kind === 'message' && this.#state.kind !== 'passed') {
      if (this.#state.kind === 'proving') this.#prove(this.#state, event);
    } else {
      onEvent(event);
    }
  }

  #prove({ gate, opened }: State & { kind: 'proving' }, { type, payload }: Reply): void {
    const { now, heldElsewhereMs, onEvent } = this.#options;
    if (type !== PROVE.type) {
      this.send(reply(ERROR, { code: BOARD_ERRORS.unknownRequest, request: type, factA: 0, factB: 0 }));
      return;
    }
    const isProof = gate.isProof(payload);
    const heldMs = isProof ? heldElsewhereMs() : undefined;
    if (!isProof) {
      this.#state = { kind: 'refused', code: AUTH_ERRORS.wrongProof, fact: 0, atMs: now() + REFUSAL_PAUSE_MS };
    } else if (heldMs !== undefined) {
      this.#state = { kind: 'refused', code: AUTH_ERRORS.held, fact: Math.round(heldMs), atMs: now() };
    } else {
      this.#state = { kind: 'passed', gate };
      onEvent(opened);
    }
  }

  #hangUp(): void {
    this.#isGone = true;
    this.#link.close();
    this.#options.hangUp?.();
  }
}
