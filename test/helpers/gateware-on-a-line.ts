/**
 * A host's wire to the simulated gateware, in the time of a test, where every frame can meet a fate of its own: as
 * board-on-a-line.ts, with the Verilog in the board's place.
 */

import { setImmediate } from 'node:timers/promises';
import { BoardSession } from '../../device/session.js';
import type { Transport, TransportEvents } from '../../device/transport/transport.js';
import { TestClock } from './board-on-a-line.js';
import type { Fate } from './board-on-a-line.js';
import { CLOCKS_PER_MS } from './link-simulation.js';
import type { LinkSimulation } from './link-simulation.js';

/** Time passes by so much in turn, for the host and for the board: also the latency of the line. */
const STRETCH_MS = 0.5;

export class GatewareOnALine {
  readonly clock = new TestClock();
  readonly chip: LinkSimulation;
  /** Frames so far, both ways. */
  frames = 0;
  fate: Fate = ({ bytes }) => [{ bytes }];
  /** Bytes that the board gets in the next stretch. */
  #toBoard: Uint8Array[] = [];
  /** Of the frame that the board is sending. */
  #partial: number[] = [];
  #events: TransportEvents | undefined;

  constructor(chip: LinkSimulation) {
    this.chip = chip;
  }

  /** A host's end of the line; the one before hears nothing any more. */
  plugIn(): Transport {
    let mine: TransportEvents | undefined;
    return {
      name: 'gateware',
      isReady: true,
      start: (events) => (mine = this.#events = events),
      write: (bytes) => {
        this.#carry('board', bytes, (arriving) => this.#toBoard.push(arriving));
      },
      close: () => {
        if (this.#events === mine) this.#events = undefined;
        return Promise.resolve();
      },
    };
  }

  async connect(): Promise<BoardSession> {
    return await this.until(BoardSession.open(this.plugIn(), { clock: this.clock }));
  }

  /** Lets time pass until `work` has ended, or fails after `limitMs` of it. */
  async until<T>(work: Promise<T>, limitMs = 60_000): Promise<T> {
    let isDone = false;
    const mark = (): void => void (isDone = true);
    work.then(mark, mark);
    const endMs = this.clock.now() + limitMs;
    for (;;) {
      await setImmediate();
      if (isDone) return await work;
      if (this.clock.now() > endMs) throw new Error(`not done after ${limitMs} ms of virtual time`);
      await this.#stretch();
    }
  }

  /** Lets time pass. */
  async pass(durationMs: number): Promise<void> {
    for (const endMs = this.clock.now() + durationMs; this.clock.now() < endMs;) await this.#stretch();
  }

  async #stretch(): Promise<void> {
    const arriving = Buffer.concat(this.#toBoard);
    this.#toBoard = [];
    const { bytes } = await this.chip.advance(STRETCH_MS * CLOCKS_PER_MS, arriving);
    for (const byte of bytes) {
      this.#partial.push(byte);
      if (byte !== 0 || this.#partial.every((other) => other === 0)) continue;
      const frame = Uint8Array.from(this.#partial);
      this.#partial = [];
      this.#carry('host', frame, (piece) => this.#events?.onData(piece));
    }
    this.clock.time.pass(STRETCH_MS);
  }

  #carry(to: 'board' | 'host', bytes: Uint8Array, deliver: (bytes: Uint8Array) => void): void {
    const frame = { to, index: this.frames++, bytes };
    for (const { bytes: arriving, lateMs = 0 } of this.fate(frame)) {
      this.clock.after(lateMs, () => deliver(arriving));
    }
  }
}
