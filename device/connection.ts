/** A board over several sessions: when the wire breaks, it is opened again, as long as it is the same board. */

import { BoardError, boardFlapping, boardLost } from './board-error.js';
import { systemClock, type Clock } from './clock.js';
import { BoardSession } from './session.js';
import type { SessionOptions } from './session.js';
import type { OpenTransport } from './transport/transport.js';

export interface ConnectionOptions extends SessionOptions {
  /** For how long a lost board is looked for; 0 gives up at once. */
  readonly reconnectMs?: number;
  /** Is told in a sentence when the wire broke and is looked for. */
  readonly onLost?: (error: BoardError) => void;
}

interface PersistOptions {
  readonly progress?: () => number;
  readonly patienceMs?: number;
}

const RETRY_MS = 250;
const RECONNECT_MS = 15_000;
/** So often it may break without anything done in between. */
const MAX_LOSSES = 5;

/** Errors that may pass when a board comes back. */
const PASSING: ReadonlySet<string> = new Set(['board-lost', 'board-silent', 'board-not-found', 'board-busy']);

export class BoardConnection {
  readonly #open: OpenTransport;
  readonly #options: ConnectionOptions;
  #session: BoardSession;

  private constructor(open: OpenTransport, options: ConnectionOptions, session: BoardSession) {
    this.#open = open;
    this.#options = options;
    this.#session = session;
  }

  /** @throws BoardError; AbortError */
  static async open(open: OpenTransport, options: ConnectionOptions = {}): Promise<BoardConnection> {
    const session = await BoardSession.open(await open(options.signal), options);
    return new BoardConnection(open, options, session);
  }

  /** The time that its sessions go by. */
  get clock(): Clock {
    return this.#options.clock ?? systemClock;
  }

  /** The present session. */
  get session(): BoardSession {
    return this.#session;
  }

  /**
   * Does work over sessions, from its start again when the wire broke.
   *
   * @param options `progress` grows with what is done, for work that need not be done at once; `patienceMs`: so long a
   * lost board is looked for at least, if it is looked for at all
   * @throws BoardError `board-flapping` when the wire breaks again and again without progress; what `work` throws
   */
  async persist<T>(
    work: (session: BoardSession) => Promise<T>,
    { progress = () => 0, patienceMs = 0 }: PersistOptions = {},
  ): Promise<T> {
    let losses = 0;
    let before = progress();
    for (;;) {
      try {
        return await work(this.#session);
      } catch (error) {
        const now = progress();
        losses = now > before ? 1 : losses + 1;
        before = now;
        if (isLoss(error) && losses > MAX_LOSSES) throw boardFlapping(this.#session.name, losses, error);
        await this.#reconnect(error, patienceMs);
      }
    }
  }

  /**
   * After `error` of the present session: a new session with the same board, if the wire broke and the board comes
   * back.
   *
   * @throws `error` if it is of another kind, or nothing comes back in time; AbortError
   */
  async #reconnect(error: unknown, patienceMs: number): Promise<void> {
    const { reconnectMs = RECONNECT_MS, signal, onLost, clock = systemClock } = this.#options;
    if (!isLoss(error) || reconnectMs === 0) throw error;
    onLost?.(error);
    const { serial, board } = this.#session.hello;
    await this.#session.close();
    const giveUpAtMs = clock.now() + Math.max(reconnectMs, patienceMs);
    for (;;) {
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
      signal?.throwIfAborted();
      try {
        const session = await BoardSession.open(await this.#open(signal), this.#options);
        if (session.hello.serial === serial && session.hello.board === board) {
          this.#session = session;
          return;
        }
        await session.close();
        throw boardLost(session.name, `Another board is there now: ${session.hello.board} ${session.hello.serial}.`);
      } catch (failure) {
        const mayPass = failure instanceof BoardError && PASSING.has(failure.code);
        if (!mayPass) throw failure;
        if (clock.now() >= giveUpAtMs) throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}

/** Whether the wire broke. */
export function isLoss(error: unknown): error is BoardError {
  return error instanceof BoardError && error.code === 'board-lost';
}
