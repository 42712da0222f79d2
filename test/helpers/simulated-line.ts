/**
 * A host's and a board's link with a line between them, in a time that only moves when told: latency, rate, and every
 * way in which a line can lose or change bytes. Deterministic: the same seed gives the same faults.
 */

import { BoardLink } from '../../protocol/wire/board-link.js';
import type { BoardLinkOptions } from '../../protocol/wire/board-link.js';
import { HostLink } from '../../protocol/wire/host-link.js';
import type { Link, LinkEvent, LinkOptions } from '../../protocol/wire/link.js';
import { Prng } from '../oracle/prng.js';

/** A clock with an agenda. */
export class VirtualTime {
  nowMs = 0;
  readonly #agenda: { readonly atMs: number; readonly run: () => void }[] = [];

  /** Calls `run` later; what is due at the same time is called in the order of the calls. */
  after(delayMs: number, run: () => void): void {
    const atMs = this.nowMs + delayMs;
    let index = this.#agenda.length;
    while (index > 0 && this.#agenda[index - 1]!.atMs > atMs) index--;
    this.#agenda.splice(index, 0, { atMs, run });
  }

  /** Lets time pass. */
  pass(durationMs: number): void {
    const endMs = this.nowMs + durationMs;
    this.until(() => (this.#agenda[0]?.atMs ?? Infinity) > endMs, durationMs);
    this.nowMs = endMs;
  }

  /** Lets time pass until `isDone`; fails if that takes too long. */
  until(isDone: () => boolean, limitMs: number): void {
    const endMs = this.nowMs + limitMs;
    while (!isDone()) {
      if (!this.step(endMs)) throw new Error(`not done at ${endMs} ms of virtual time`);
    }
  }

  /** Goes to the next thing that happens. @returns false if that is after `endMs`, or never */
  step(endMs: number): boolean {
    const [next] = this.#agenda;
    if (next === undefined || next.atMs > endMs) return false;
    this.#agenda.shift();
    this.nowMs = next.atMs;
    next.run();
    return true;
  }
}

/** How one direction of a line behaves. Chances are per write, 0 … 1. */
export interface LineQuality {
  readonly latencyMs: number;
  /** Infinite if absent; the sender waits while a write is under way. */
  readonly bytesPerMs?: number;
  readonly loss?: number;
  /** One to three bits change. */
  readonly corruption?: number;
  readonly duplication?: number;
  /** The end is missing, delimiter and all. */
  readonly truncation?: number;
  /** Random bytes come before it. */
  readonly garbage?: number;
  /** It comes later, after what is sent next. */
  readonly reordering?: number;
}

/** One direction. */
class OneWay {
  busyUntilMs = 0;
  /** Called with each piece that arrives. */
  receive: (bytes: Uint8Array) => void = () => {};
  quality: LineQuality;
  readonly #time: VirtualTime;
  readonly #random: Prng;

  constructor(time: VirtualTime, quality: LineQuality, seed: number) {
    this.#time = time;
    this.quality = quality;
    this.#random = new Prng(seed);
  }

  write(bytes: Uint8Array): void {
    const { latencyMs, bytesPerMs = Infinity } = this.quality;
    const { loss, duplication, reordering } = this.quality;
    this.busyUntilMs = Math.max(this.busyUntilMs, this.#time.nowMs) + bytes.length / bytesPerMs;
    const delayMs = this.busyUntilMs - this.#time.nowMs + latencyMs;
    for (let copies = this.#happens(duplication) ? 2 : 1; copies > 0; copies--) {
      const arrived = this.#damaged(bytes);
      if (this.#happens(loss)) continue;
      const lateMs = this.#happens(reordering) ? this.#random.between(1, 3) * latencyMs : 0;
      this.#time.after(delayMs + lateMs, () => this.#deliver(arrived));
    }
  }

  /** In two pieces, cut anywhere. */
  #deliver(bytes: Uint8Array): void {
    const cut = this.#random.between(0, bytes.length);
    this.receive(bytes.subarray(0, cut));
    this.receive(bytes.subarray(cut));
  }

  #damaged(bytes: Uint8Array): Uint8Array {
    const { corruption, truncation, garbage } = this.quality;
    const random = this.#random;
    let copy = bytes.slice();
    if (this.#happens(truncation)) copy = copy.slice(0, random.between(0, copy.length - 1));
    if (this.#happens(garbage)) {
      copy = Uint8Array.from([...Array.from({ length: random.between(1, 20) }, () => random.next() & 255), ...copy]);
    }
    if (copy.length > 0 && this.#happens(corruption)) {
      for (let bits = random.between(1, 3); bits > 0; bits--) {
        copy[random.between(0, copy.length - 1)]! ^= 1 << random.between(0, 7);
      }
    }
    return copy;
  }

  #happens(chance = 0): boolean {
    return chance > 0 && this.#random.next() / 2 ** 32 < chance;
  }
}

/** One end of the line: a link and what it told. */
class End<L extends Link> {
  readonly link: L;
  readonly events: LinkEvent[] = [];
  /** Called after an event is noted. */
  onEvent: (event: LinkEvent) => void = () => {};
  readonly #time: VirtualTime;
  readonly #out: OneWay;
  #wakes = 0;

  constructor(time: VirtualTime, out: OneWay, incoming: OneWay, make: (options: LinkOptions) => L) {
    this.#time = time;
    this.#out = out;
    this.link = make({
      now: () => time.nowMs,
      write: (bytes) => out.write(bytes),
      isReady: () => out.busyUntilMs <= time.nowMs,
      onEvent: (event) => {
        this.events.push(event);
        this.onEvent(event);
      },
    });
    incoming.receive = (bytes) => {
      this.link.receive(bytes);
      this.poll();
    };
  }

  /** What an owner does after each call of the link. */
  poll(): void {
    const wake = ++this.#wakes;
    const wantedMs = this.link.poll();
    const busyMs = this.#out.busyUntilMs - this.#time.nowMs;
    const delayMs = busyMs > 0 ? Math.min(busyMs, wantedMs) : wantedMs;
    if (delayMs === Infinity) return;
    this.#time.after(delayMs, () => {
      if (wake === this.#wakes) this.poll();
    });
  }

  send(type: number, payload: Uint8Array): boolean {
    const isAccepted = this.link.send(type, payload);
    this.poll();
    return isAccepted;
  }

  /** Payloads that arrived, as text. */
  get received(): string[] {
    return this.events.flatMap((event) => {
      return event.kind === 'message' ? [Buffer.from(event.payload).toString('latin1')] : [];
    });
  }

  get kinds(): string[] {
    return this.events.map((event) => (event.kind === 'closed' ? `closed: ${event.reason}` : event.kind));
  }
}

/** What a test may want to be different. */
export interface Setup {
  readonly toBoard?: LineQuality;
  readonly toHost?: LineQuality;
  readonly seed?: number;
  readonly nonce?: number;
  readonly host?: Partial<LinkOptions>;
  readonly board?: Partial<BoardLinkOptions>;
  readonly time?: VirtualTime;
}

/** Host, board, and the line between them. The host has not started. */
export class SimulatedLine {
  readonly time: VirtualTime;
  readonly toBoard: OneWay;
  readonly toHost: OneWay;
  readonly board: End<BoardLink>;
  host: End<HostLink>;

  constructor(setup: Setup = {}) {
    const { seed = 1, nonce = 1, toBoard = { latencyMs: 1 }, toHost = { latencyMs: 1 } } = setup;
    this.time = setup.time ?? new VirtualTime();
    this.toBoard = new OneWay(this.time, toBoard, seed);
    this.toHost = new OneWay(this.time, toHost, seed + 1);
    this.board = new End(this.time, this.toHost, this.toBoard, (options) => {
      return new BoardLink({ ...options, ...setup.board });
    });
    this.host = this.newHost(nonce, setup.host);
  }

  /** Another host program on the same line; the one before is not heard of again. */
  newHost(nonce: number, options: Partial<LinkOptions> = {}): End<HostLink> {
    return new End(this.time, this.toBoard, this.toHost, (own) => new HostLink({ ...own, ...options, nonce }));
  }

  /** Starts the host and waits until the session is open. */
  open(): this {
    this.host.poll();
    this.time.until(() => this.host.link.isOpen && this.board.link.isOpen, 5000);
    return this;
  }
}
