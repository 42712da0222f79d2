/**
 * What is under a session: link, wire and timer, and who waits for which message. docs/PROTOCOL.md, section 2.
 */

import { MAX_WINDOW } from '../protocol/wire/frame.js';
import { HostLink } from '../protocol/wire/host-link.js';
import type { LayoutValue } from '../protocol/wire/layout.js';
import { SILENCE_MS } from '../protocol/wire/link.js';
import type { LinkEvent } from '../protocol/wire/link.js';
import { decodeMessage } from '../protocol/wire/message.js';
import { ERROR } from '../protocol/wire/messages-board.js';
import type { Hello } from '../protocol/wire/messages-board.js';
import { ENDED, TOKEN } from '../protocol/wire/messages-run.js';
import { boardHeld, boardLost, boardMalformed, boardSaysNoHello, boardSilent } from './board-error.js';
import type { BoardError } from './board-error.js';
import { systemClock } from './clock.js';
import type { Clock } from './clock.js';
import { Opening } from './opening.js';
import { randomWord } from './random.js';
import { boardRefuses } from './refusal-error.js';
import type { Transport } from './transport/transport.js';

/** What a board sends of a run. */
export type RunEvent = ({ readonly kind: 'token' } & LayoutValue<typeof TOKEN.layout>) | RunEnd;

export type RunEnd = { readonly kind: 'ended' } & LayoutValue<typeof ENDED.layout>;

/** How long an answer may take, counted from that to the request before: docs/PROTOCOL.md, section 3. */
export const ANSWER_LIMIT_MS = {
  /** Nothing is computed, and at most a few kilobytes of flash are touched. */
  short: 30_000,
  /** A token is computed, may have to be computed first, or a whole image is read. */
  long: 120_000,
} as const;

export interface SessionLinkOptions {
  /** Ends all waiting: what the board has not answered by then is given up. */
  readonly signal?: AbortSignal | undefined;
  /** For HELLO, once the board has opened the session: it may still do what another session has asked for. */
  readonly helloLimitMs?: number;
  /** Gets what the board prints before it speaks the protocol. */
  readonly onBootText?: (text: Uint8Array) => void;
  readonly clock?: Clock;
  /** 32 bytes that the board must have too; one that asks for no key is refused then. */
  readonly key?: Uint8Array | undefined;
}

/** A request whose answer is to come. */
interface Pending {
  readonly requestType: number;
  /** Type of the answer. */
  readonly answerType: number;
  /** What is wrong with the answer, if it cannot be read. */
  readonly take: (payload: Uint8Array) => string | undefined;
  readonly reject: (error: unknown) => void;
  readonly limitMs: number;
}

const ENDED_BY_BOARD =
  'It ended the session: it has restarted, has not heard this computer for 5 s, or another program has opened one with it.';

/** It may still have to finish what it does for the host before, such as the check of an image. */
const HELLO_LIMIT_MS = 60_000;

export type Decoded<T> = { readonly value: T } | { readonly problem: string };

export class SessionLink {
  readonly name: string;
  readonly #transport: Transport;
  readonly #link: HostLink;
  readonly #onBootText: (text: Uint8Array) => void;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #helloLimitMs: number;
  readonly #opening: Opening;
  readonly #pending: Pending[] = [];
  readonly #runEvents: RunEvent[] = [];
  /** Called when anything changes that someone may wait for. */
  readonly #waiting = new Set<() => void>();
  #hello: Hello | undefined;
  #cancelTimer = (): void => {};
  #cancelAnswerTimer = (): void => {};
  #cancelHelloTimer = (): void => {};
  #error: Error | undefined;
  #isOpened = false;
  #isClosed = false;
  /** One listener for all requests. Their answers may come all the same, and are then no surprise. */
  readonly #stop = (): void => {
    for (const { reject } of this.#pending) reject(this.#signal?.reason);
  };

  constructor(transport: Transport, options: SessionLinkOptions) {
    const { onBootText = (): void => {}, clock = systemClock } = options;
    this.name = transport.name;
    this.#transport = transport;
    this.#onBootText = onBootText;
    this.#clock = clock;
    this.#signal = options.signal;
    this.#signal?.addEventListener('abort', this.#stop);
    this.#helloLimitMs = options.helloLimitMs ?? HELLO_LIMIT_MS;
    this.#opening = new Opening(this.name, options.key);
    this.#link = new HostLink({
      nonce: randomWord(),
      now: () => clock.now(),
      write: (bytes) => transport.write(bytes),
      isReady: () => transport.isReady,
      // A board must not run ahead of whoever reads its tokens.
      room: () => MAX_WINDOW - this.#runEvents.length,
      onEvent: (event) => this.#onEvent(event),
    });
    transport.start({
      onData: (bytes) => {
        if (this.#isClosed) return;
        this.#link.receive(bytes);
        this.#pump();
      },
      onReady: () => this.#pump(),
      onLost: (reason, cause) => this.fail(boardLost(this.name, reason, cause)),
    });
    this.#pump();
  }

  async hello(): Promise<Hello> {
    return await this.#until(() => this.#hello, this.#signal);
  }

  async send(type: number, payload: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    await this.#untilRoom(signal);
    this.#link.send(type, payload);
    this.#pump();
  }

  async request<T>(
    type: number,
    payload: Uint8Array,
    answerType: number,
    decode: (payload: Uint8Array) => Decoded<T>,
    limitMs: number,
  ): Promise<T> {
    await this.#untilRoom(this.#signal);
    return await new Promise<T>((resolve, reject) => {
      this.#pending.push({
        requestType: type,
        answerType,
        take: (answer) => {
          const decoded = decode(answer);
          if ('problem' in decoded) return decoded.problem;
          resolve(decoded.value);
          return undefined;
        },
        reject,
        limitMs,
      });
      if (this.#pending.length === 1) this.#awaitAnswer();
      this.#link.send(type, payload);
      this.#pump();
    });
  }

  /** Undefined if there is none for so long. */
  async nextRunEvent(limitMs: number, signal?: AbortSignal): Promise<RunEvent | undefined> {
    let isLate = false;
    const cancelTimer = this.#clock.after(limitMs, () => {
      isLate = true;
      this.#wake();
    });
    try {
      const event = await this.#until(() => this.#runEvents.shift() ?? (isLate ? 'late' : undefined), signal);
      // There is room for one more.
      this.#pump();
      return event === 'late' ? undefined : event;
    } finally {
      cancelTimer();
    }
  }

  /** Starts the time that the next answer may take. */
  #awaitAnswer(): void {
    this.#cancelAnswerTimer();
    const [next] = this.#pending;
    if (next === undefined) return;
    this.#cancelAnswerTimer = this.#clock.after(next.limitMs, () => {
      // It may not say anything as long as nobody here reads the tokens of its run, and cannot have been asked as long
      // as requests are on their way; the link ends by itself if they make no progress.
      if (this.#runEvents.length >= MAX_WINDOW || !this.#link.isAcknowledged) this.#awaitAnswer();
      else this.fail(boardLost(this.name, `It has not answered a request for ${next.limitMs / 1000} s.`));
    });
  }

  /** The first request is answered. */
  #answered(): Pending | undefined {
    const pending = this.#pending.shift();
    this.#awaitAnswer();
    return pending;
  }

  /** A message of a run that is here already. */
  takeRunEvent(): RunEvent | undefined {
    return this.#runEvents.shift();
  }

  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#signal?.removeEventListener('abort', this.#stop);
    this.#cancelTimer();
    this.#link.close();
    this.fail(boardLost(this.name, 'The session was closed.'));
    await this.#transport.close();
  }

  /** What `look` gives, as soon as it gives something. */
  async #until<T>(look: () => T | undefined, signal: AbortSignal | undefined): Promise<T> {
    for (;;) {
      signal?.throwIfAborted();
      const found = look();
      if (found !== undefined) return found;
      this.check();
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal?.addEventListener('abort', wake);
      });
    }
  }

  /** Not in a session that is over, even if its link has not noticed yet. */
  async #untilRoom(signal: AbortSignal | undefined): Promise<void> {
    await this.#until(() => {
      this.check();
      return this.#link.canSend ? true : undefined;
    }, signal);
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Does what the link wants done, now and when it is due. */
  #pump(): void {
    if (this.#isClosed) return;
    this.#cancelTimer();
    const waitMs = this.#link.poll();
    if (waitMs !== Infinity) this.#cancelTimer = this.#clock.after(waitMs, () => this.#pump());
    if (this.#link.canSend) this.#wake();
  }

  #onEvent(event: LinkEvent): void {
    switch (event.kind) {
      case 'opened':
        this.#awaitHello();
        break;
      case 'message':
        this.#onMessage(event.type, event.payload);
        break;
      case 'closed':
        this.fail(this.#closedError(event));
        break;
      case 'text':
        this.#onBootText(event.bytes);
        break;
    }
  }

  #closedError(event: LinkEvent & { kind: 'closed' }): BoardError {
    if (event.reason === 'busy') return boardHeld(this.name, event.silentMs);
    // END says no more.
    if (event.reason === 'reset') return boardLost(this.name, ENDED_BY_BOARD);
    if (this.#hello !== undefined) return boardLost(this.name, 'It has not been heard for 5 s.');
    return this.#isOpened ? boardSaysNoHello(this.name, SILENCE_MS) : boardSilent(this.name);
  }

  /** The board has opened the session. */
  #awaitHello(): void {
    this.#isOpened = true;
    this.#cancelHelloTimer = this.#clock.after(this.#helloLimitMs, () => {
      this.fail(boardSaysNoHello(this.name, this.#helloLimitMs));
    });
  }

  #onMessage(type: number, payload: Uint8Array): void {
    if (this.#hello === undefined) {
      this.#onOpening(type, payload);
    } else {
      const problem = this.#onAnswer(type, payload);
      if (problem !== undefined) this.fail(boardMalformed(this.name, problem));
    }
    this.#wake();
  }

  #onOpening(type: number, payload: Uint8Array): void {
    try {
      const step = this.#opening.take(type, payload);
      if (step.kind === 'send') this.#link.send(step.type, step.payload);
      if (step.kind !== 'hello') return;
      this.#hello = step.hello;
      this.#cancelHelloTimer();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  /** What is wrong with a message, if anything is. */
  #onAnswer(type: number, payload: Uint8Array): string | undefined {
    if (type === ERROR.type) return this.#onError(payload);
    if (type === TOKEN.type || type === ENDED.type) return this.#onRunEvent(type, payload);
    const [pending] = this.#pending;
    if (pending?.answerType !== type) return `a message of type ${type} comes unasked`;
    const problem = pending.take(payload);
    if (problem === undefined) this.#answered();
    return problem;
  }

  #onRunEvent(type: number, payload: Uint8Array): string | undefined {
    const token = type === TOKEN.type ? decodeMessage(TOKEN, payload) : undefined;
    if (token !== undefined) this.#runEvents.push({ kind: 'token', ...token });
    const ended = type === ENDED.type ? decodeMessage(ENDED, payload) : undefined;
    if (ended !== undefined) this.#runEvents.push({ kind: 'ended', ...ended });
    return token === undefined && ended === undefined ? 'a TOKEN or ENDED has the wrong length or values' : undefined;
  }

  #onError(payload: Uint8Array): string | undefined {
    const error = decodeMessage(ERROR, payload);
    if (error === undefined) return 'an ERROR has the wrong length or values';
    const refusal = boardRefuses(this.name, error);
    if (this.#pending[0]?.requestType === error.request) this.#answered()?.reject(refusal);
    // A request without an answer: whoever goes on with the session must know.
    else this.fail(refusal);
    return undefined;
  }

  /** The session is over. The first reason counts, which is given back. */
  fail(error: Error): Error {
    this.#error ??= error;
    this.#cancelAnswerTimer();
    this.#cancelHelloTimer();
    for (const { reject } of this.#pending.splice(0)) reject(this.#error);
    this.#wake();
    return this.#error;
  }
}
