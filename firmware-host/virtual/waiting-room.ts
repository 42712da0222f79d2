/**
 * Connections of whoever has come and has nothing yet: no session with a board, no device. So many wait, each for so
 * long; who comes to a full room takes the place of the one that has waited longest. So idle connections, however many,
 * keep nobody out.
 */

import type { Socket } from 'node:net';

/** A host asks within milliseconds of its connection; one that is behind a slow network has time. */
const DEADLINE_MS = 10_000;
const MAX_WAITING = 32;

/** A host that has vanished without a word is noticed after this and the system's own number of tries. */
export const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 10_000 } as const;

export interface WaitingRoomOptions {
  readonly deadlineMs?: number | undefined;
  readonly places?: number | undefined;
}

export class WaitingRoom {
  readonly #deadlineMs: number;
  readonly #places: number;
  /** With the end of its time; who has waited longest is first. */
  readonly #waiting = new Map<Socket, NodeJS.Timeout>();

  constructor({ deadlineMs = DEADLINE_MS, places = MAX_WAITING }: WaitingRoomOptions = {}) {
    this.#deadlineMs = deadlineMs;
    this.#places = places;
  }

  /** It waits from now on, until it leaves, closes, or is closed because its time or its place is gone. */
  enter(socket: Socket): void {
    if (socket.destroyed || this.#waiting.has(socket)) return;
    for (const [longest] of this.#waiting) {
      if (this.#waiting.size < this.#places) break;
      this.leave(longest);
      longest.destroy();
    }
    const deadline = setTimeout(() => socket.destroy(), this.#deadlineMs);
    // A board that has ended does not stay for its guests.
    this.#waiting.set(socket, deadline.unref());
    socket.once('close', () => this.leave(socket));
  }

  /** It has what it came for. */
  leave(socket: Socket): void {
    clearTimeout(this.#waiting.get(socket));
    this.#waiting.delete(socket);
  }
}
