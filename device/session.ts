/**
 * A session with a board: its HELLO, requests with their answers, and the messages of a run. docs/PROTOCOL.md.
 *
 * Requests may be sent before earlier ones are answered; the board answers them in order.
 */

import type { Layout, LayoutValue } from '../protocol/wire/layout.js';
import { decodeMapMessage, decodeMessage, encodeMessage } from '../protocol/wire/message.js';
import type { FixedMessage } from '../protocol/wire/message.js';
import { GET_HELLO, GET_INFO, HELLO, INFO } from '../protocol/wire/messages-board.js';
import type { BoardInfo, Hello } from '../protocol/wire/messages-board.js';
import { decodeHello } from '../protocol/wire/messages.js';
import { FLASH_BEGIN, FLASH_COMPARE, FLASH_END, REVERT } from '../protocol/wire/messages-flash.js';
import type { WireObserver } from '../protocol/wire/frame-trace.js';
import { CANCEL, STEP } from '../protocol/wire/messages-run.js';
import { BoardError, boardHasNoImage, boardLost } from './board-error.js';
import { abortLater, systemClock } from './clock.js';
import type { Clock } from './clock.js';
import { SCHEMA } from '../protocol/wire/message-schema.js';
import { ANSWER_LIMIT_MS, SessionLink } from './session-link.js';
import type { Decoded, RunEnd, RunEvent, SessionLinkOptions } from './session-link.js';
import { observedTransport } from './transport/observed-transport.js';
import type { Transport } from './transport/transport.js';

export interface SessionOptions extends SessionLinkOptions {
  /** Sees all that goes over the wire. */
  readonly observer?: WireObserver | undefined;
}

/** After so long without a word of a run, the board is asked whether it still works on it. */
const RUN_SILENCE_MS = 60_000;

/** So often without a token computed meanwhile, and it is given up. */
const MAX_SILENCES = 10;

/** For the end of a run when the program is to end itself. */
const LAST_WORD_MS = 500;

/** Requests that may take longer than the others. */
const LONG_REQUESTS: ReadonlySet<number> = new Set(
  [STEP, FLASH_BEGIN, FLASH_COMPARE, FLASH_END, REVERT].map(({ type }) => type),
);

export class BoardSession {
  readonly name: string;
  readonly hello: Hello;
  readonly #link: SessionLink;
  readonly #signal: AbortSignal | undefined;
  readonly #clock: Clock;
  #capabilities: Promise<ReadonlySet<string>> | undefined;

  private constructor(hello: Hello, link: SessionLink, { signal, clock = systemClock }: SessionOptions) {
    this.name = link.name;
    this.hello = hello;
    this.#link = link;
    this.#signal = signal;
    this.#clock = clock;
  }

  /**
   * Opens a session over a wire, which belongs to the session from then on.
   *
   * @throws BoardError `board-silent`, `board-busy`, `board-other-protocol`, `board-malformed` or `board-lost`;
   * AbortError
   */
  static async open(transport: Transport, options: SessionOptions = {}): Promise<BoardSession> {
    const { observer } = options;
    const link = new SessionLink(observer ? observedTransport(transport, observer) : transport, options);
    try {
      return new BoardSession(await link.hello(), link, options);
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** Facts of the image that the board runs. @throws BoardError `board-no-image` */
  get image(): NonNullable<Hello['image']> {
    const { image } = this.hello;
    if (image === undefined) throw boardHasNoImage(this.name, this.hello.limits);
    return image;
  }

  /** Sends a request as soon as there is room. @throws BoardError if the session is over; AbortError */
  async send<L extends Layout>(message: FixedMessage<L>, value: LayoutValue<L>): Promise<void> {
    await this.#link.send(message.type, encodeMessage(message, value), this.#signal);
  }

  /** The answer to a request. @throws BoardError if the board refuses, or the session ends before; AbortError */
  async request<L extends Layout, A extends Layout>(
    message: FixedMessage<L>,
    value: LayoutValue<L>,
    answer: FixedMessage<A>,
  ): Promise<LayoutValue<A>> {
    const decode = (payload: Uint8Array): Decoded<LayoutValue<A>> => {
      const decoded = decodeMessage(answer, payload);
      return decoded === undefined
        ? { problem: `a ${answer.name} has the wrong length or values` }
        : { value: decoded };
    };
    const limitMs = LONG_REQUESTS.has(message.type) ? ANSWER_LIMIT_MS.long : ANSWER_LIMIT_MS.short;
    return await this.#link.request(message.type, encodeMessage(message, value), answer.type, decode, limitMs);
  }

  /**
   * Names of the groups of messages that the board knows beyond the base table. It is asked once in a session, and only
   * by who needs such a message: boards from before groups have none.
   *
   * @throws BoardError
   */
  async capabilities(): Promise<ReadonlySet<string>> {
    return await (this.#capabilities ??= this.#askCapabilities());
  }

  async #askCapabilities(): Promise<ReadonlySet<string>> {
    const { hello } = this;
    if (hello.capabilities !== undefined) return new Set(hello.capabilities);
    const payload = encodeMessage(GET_HELLO, {});
    try {
      const decode = (bytes: Uint8Array): Decoded<Hello> => {
        const result = decodeHello(bytes, SCHEMA);
        if (result.kind === 'hello') return { value: result.hello };
        const problem = result.kind === 'malformed' ? result.problem : 'it has another schema';
        return { problem: `a HELLO is not valid: ${problem}` };
      };
      const { long } = ANSWER_LIMIT_MS;
      const answer = await this.#link.request(GET_HELLO.type, payload, HELLO.type, decode, long);
      return new Set(answer.capabilities);
    } catch (error) {
      if (isUnknownRequest(error)) return new Set();
      throw error;
    }
  }

  /** How the board is. @throws BoardError; AbortError */
  async info(limitMs: number = ANSWER_LIMIT_MS.long): Promise<BoardInfo> {
    const decode = (answer: Uint8Array): Decoded<BoardInfo> => decodeMapMessage(INFO, answer);
    return await this.#link.request(GET_INFO.type, encodeMessage(GET_INFO, {}), INFO.type, decode, limitMs);
  }

  /** How the board is; undefined if it does not say, as the smallest ones. @throws BoardError; AbortError */
  async infoIfKnown(limitMs?: number): Promise<BoardInfo | undefined> {
    try {
      return await this.info(limitMs);
    } catch (error) {
      if (isUnknownRequest(error)) return undefined;
      throw error;
    }
  }

  /**
   * The next message of a run; those of other runs are dropped. A token may take ten minutes, a run any time, as long
   * as the board says that it works on it.
   *
   * @throws BoardError; AbortError if `signal` aborts before there is one
   */
  async nextRunEvent(run: number, signal = this.#signal): Promise<RunEvent> {
    let steps = -1;
    let silences = 0;
    for (;;) {
      let event = await this.#link.nextRunEvent(RUN_SILENCE_MS, signal);
      if (event === undefined) {
        const info = await this.info();
        const isWorking = info.run?.run === run && info.state === 'running';
        silences = info.steps > steps ? 0 : silences + 1;
        steps = info.steps;
        // It may have come before the answer.
        event = this.#link.takeRunEvent();
        if (event === undefined && !(isWorking && silences < MAX_SILENCES)) {
          throw this.#link.fail(boardLost(this.name, 'It stopped in a run without a word.'));
        }
      }
      if (event?.run === run) return event;
    }
  }

  /**
   * Ends a run; what it has still to say is dropped. The board is told even if `signal` has aborted, but then the
   * program is to end, and its answer is waited for only a moment.
   *
   * @returns the end that the board tells
   * @throws BoardError; AbortError
   */
  async cancelRun(run: number, signal = this.#signal): Promise<RunEnd> {
    return await this.#withLastWord(signal, async (limited) => {
      await this.#link.send(CANCEL.type, encodeMessage(CANCEL, { run }), limited);
      for (;;) {
        const event = await this.nextRunEvent(run, limited);
        if (event.kind === 'ended') return event;
      }
    });
  }

  /**
   * What a run says behind the last token that is wanted of it; if `signal` has aborted, in a moment or not at all.
   *
   * @throws as {@link cancelRun}
   */
  async lastOfRun(run: number, signal = this.#signal): Promise<RunEvent> {
    return await this.#withLastWord(signal, async (limited) => await this.nextRunEvent(run, limited));
  }

  async #withLastWord<T>(signal: AbortSignal | undefined, work: (limited: AbortSignal) => Promise<T>): Promise<T> {
    const limit = abortLater(signal, LAST_WORD_MS, this.#clock);
    try {
      return await work(limit.signal);
    } finally {
      limit.release();
    }
  }

  /**
   * Ends a run that another host has left behind, which would keep the board from anything else.
   *
   * @returns whether the board knows runs: one that answers `GET_INFO` with `ERROR` 1 knows `RESET` and `STEP` only
   * @throws BoardError
   */
  async stopForeignRun(): Promise<boolean> {
    const info = await this.infoIfKnown();
    if (info === undefined) return false;
    const { run, state } = info;
    if (run !== undefined && (state === 'running' || state === 'waiting')) await this.cancelRun(run.run);
    return true;
  }

  /** Ends the session and closes the wire. */
  async close(): Promise<void> {
    await this.#link.close();
  }
}

function isUnknownRequest(error: unknown): boolean {
  return error instanceof BoardError && error.code === 'board-unknown-request';
}
