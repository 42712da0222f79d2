/**
 * A board behind a UART of a given rate, in a time of its own: what the protocol makes of a line, whatever the
 * computer.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../../device/clock.js';
import type { Transport, TransportEvents } from '../../../device/transport/transport.js';
import type { Board } from '../../../firmware-host/firmware/board.js';

/** A clock with an agenda. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  readonly #agenda: { readonly atMs: number; readonly run: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, run };
    let index = this.#agenda.length;
    while (index > 0 && (this.#agenda[index - 1]?.atMs ?? 0) > entry.atMs) index--;
    this.#agenda.splice(index, 0, entry);
    return () => {
      const at = this.#agenda.indexOf(entry);
      if (at >= 0) this.#agenda.splice(at, 1);
    };
  }

  /** Lets time pass until `work` is done, as fast as the computer can. */
  async until<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const mark = (): void => void (isDone = true);
    work.then(mark, mark);
    for (;;) {
      // What was waiting for the last event goes on first.
      await setImmediate();
      if (isDone) return await work;
      const next = this.#agenda.shift();
      if (next === undefined) throw new Error('nothing happens any more');
      this.#nowMs = next.atMs;
      next.run();
    }
  }
}

/** One direction: a byte takes its time, and the sender waits while one is under way. */
class OneWay {
  readonly #clock: VirtualClock;
  readonly #bytesPerMs: number;
  #busyUntilMs = 0;

  constructor(clock: VirtualClock, bytesPerMs: number) {
    this.#clock = clock;
    this.#bytesPerMs = bytesPerMs;
  }

  get isReady(): boolean {
    return this.#busyUntilMs <= this.#clock.now();
  }

  write(bytes: Uint8Array, deliver: (bytes: Uint8Array) => void, onReady: () => void): void {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#clock.now()) + bytes.length / this.#bytesPerMs;
    this.#clock.after(this.#busyUntilMs - this.#clock.now(), () => {
      deliver(bytes);
      onReady();
    });
  }
}

/** @param bytesPerMs of each direction: baud / 10,000 */
export function simulatedUart(board: Board, clock: VirtualClock, bytesPerMs: number): Transport {
  const [toBoard, toHost] = [new OneWay(clock, bytesPerMs), new OneWay(clock, bytesPerMs)];
  let events: TransportEvents | undefined;
  let cancelPoll = (): void => {};
  const poll = (): void => {
    cancelPoll();
    const waitMs = board.poll();
    if (waitMs !== Infinity) cancelPoll = clock.after(waitMs, poll);
  };
  const line = board.addLine({
    isReady: () => toHost.isReady,
    write: (bytes) => toHost.write(bytes, (data) => events?.onData(data), poll),
  });
  const deliver = (bytes: Uint8Array): void => {
    line.receive(bytes);
    poll();
  };
  return {
    name: 'simulated UART',
    get isReady() {
      return toBoard.isReady;
    },
    start: (given) => (events = given),
    write: (bytes) => toBoard.write(bytes, deliver, () => events?.onReady()),
    close: () => {
      events = undefined;
      cancelPoll();
      return Promise.resolve();
    },
  };
}
