/**
 * A host's wire to a board, in a time that only moves when told, where every frame can meet a fate of its own: whole
 * sessions in milliseconds, the same each time.
 */

import { setImmediate, setTimeout } from 'node:timers/promises';
import { BoardConnection } from '../../device/connection.js';
import type { ConnectionOptions } from '../../device/connection.js';
import type { Clock } from '../../device/clock.js';
import type { Transport, TransportEvents } from '../../device/transport/transport.js';
import { Board } from '../../firmware-host/firmware/board.js';
import type { BoardLine, BoardOptions } from '../../firmware-host/firmware/board.js';
import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { NorFlash } from '../../firmware-host/firmware/flash/nor-flash.js';
import type { FlashTiming } from '../../firmware-host/firmware/flash/nor-flash.js';
import { installImage } from '../../firmware-host/firmware/install-image.js';
import { memorySource } from '../../protocol/byte-source.js';
import { MODEL_LIMITS } from '../../protocol/image/model-shape.js';
import { FrameReader } from '../../protocol/wire/frame-reader.js';
import { framesIn } from './frames.js';
import { C_BOARD, CBoard } from './c-board.js';
import { VirtualTime } from './simulated-line.js';

const SECTOR_BYTES = 4096;
const FLASH_SECTORS = 2 + 2 * 12;
const LATENCY_MS = 0.2;
/** Goes the way of the bytes, behind them: the board takes the wire away. */
const HANG_UP = new Uint8Array(0);
/** A step of the board's work, such as a token. */
const WORK_MS = 0.5;
/** Of a real clock: more than what a thread computes for a test takes. */
const THREAD_MS = 10_000;

/** Time of a test as a session's clock. */
export class TestClock implements Clock {
  readonly time = new VirtualTime();

  now(): number {
    return this.time.nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    let isWanted = true;
    this.time.after(delayMs, () => {
      if (isWanted) run();
    });
    return () => (isWanted = false);
  }

  /** Lets time pass until `work` has ended, or fails after `limitMs` of it. */
  async until<T>(work: Promise<T>, limitMs = 600_000): Promise<T> {
    let isDone = false;
    const mark = (): void => void (isDone = true);
    const ended = work.then(mark, mark);
    const endMs = this.time.nowMs + limitMs;
    for (;;) {
      // Promises first, as many steps of them as there are.
      await setImmediate();
      if (isDone) return await work;
      if (this.time.step(endMs)) continue;
      // A hash that a thread computes takes time of another kind.
      await Promise.race([ended, setTimeout(THREAD_MS, undefined, { ref: false })]);
      if (!isDone) throw new Error(`not done at ${endMs} ms of virtual time`);
    }
  }

  /** Lets time pass. */
  async pass(durationMs: number): Promise<void> {
    await this.until(new Promise<void>((resolve) => this.time.after(durationMs, resolve)));
  }
}

/** A frame on its way. */
export interface FrameOnTheWay {
  readonly to: 'board' | 'host';
  /** Counts the frames of both directions, from 0. */
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** What becomes of a frame: the pieces that arrive, each so much later than it should. */
export type Fate = (frame: FrameOnTheWay) => readonly { readonly bytes: Uint8Array; readonly lateMs?: number }[];

export interface Setup extends Partial<Omit<BoardOptions, 'flash' | 'now' | 'bootNonce'>> {
  /** What the flash holds; erased if absent. */
  readonly bits?: Uint8Array;
  /** Is in the flash already, confirmed. */
  readonly image?: Uint8Array;
  /** Of the flash; it takes no time if absent. */
  readonly timing?: FlashTiming;
  /** For a step of the board's work, such as a token; half a millisecond if absent. */
  readonly workMs?: number;
}

const SLOW_PIECE_BYTES = 256;

/**
 * Each direction carries so many bytes in a millisecond, one frame after the other, and holds whatever it is given
 * until then.
 */
export function slow(line: BoardOnALine, bytesPerMs: number): Fate {
  const busyUntilMs = { board: 0, host: 0 };
  return ({ to, bytes }) => {
    const nowMs = line.clock.now();
    const startMs = Math.max(busyUntilMs[to], nowMs);
    busyUntilMs[to] = startMs + bytes.length / bytesPerMs;
    return Array.from({ length: Math.ceil(bytes.length / SLOW_PIECE_BYTES) }, (_, index) => {
      const piece = bytes.subarray(index * SLOW_PIECE_BYTES, (index + 1) * SLOW_PIECE_BYTES);
      return {
        bytes: piece,
        lateMs: startMs + (piece.byteOffset - bytes.byteOffset + piece.length) / bytesPerMs - nowMs,
      };
    });
  };
}

/** Counts the messages of each type that reach the board. */
export function countMessages(line: BoardOnALine): Map<number, number> {
  const reader = new FrameReader();
  const counts = new Map<number, number>();
  const { fate } = line;
  line.fate = (frame) => {
    for (const { kind, type } of frame.to === 'board' ? framesIn(reader.feed(frame.bytes)) : []) {
      if (kind === 'data') counts.set(type, (counts.get(type) ?? 0) + 1);
    }
    return fate(frame);
  };
  return counts;
}

export class BoardOnALine {
  readonly clock: TestClock;
  readonly bits: Uint8Array;
  /** Frames so far, on all wires. */
  frames = 0;
  /** That hosts must have on the wires that are plugged in from now on. */
  key: Uint8Array | undefined;
  fate: Fate = ({ bytes }) => [{ bytes }];
  flash: NorFlash;
  board: Board;
  readonly #setup: Setup;
  readonly #wires = new Set<Wire>();
  #starts = 0;
  #polls = 0;

  constructor(setup: Setup = {}, clock = new TestClock()) {
    this.clock = clock;
    this.#setup = setup;
    this.bits = setup.bits ?? new Uint8Array(FLASH_SECTORS * SECTOR_BYTES).fill(0xff);
    if (setup.image !== undefined) {
      installImage(new NorFlash(memoryStore(this.bits), SECTOR_BYTES), setup.slots ?? 2, memorySource(setup.image));
    }
    [this.flash, this.board] = this.#start();
  }

  /** Power off and on again. The wires stay. */
  restart(): void {
    [this.flash, this.board] = this.#start();
    for (const wire of this.#wires) wire.line = this.#addLine(wire);
    this.poll();
  }

  /** Another wire to the board. */
  plugIn(): Transport {
    const wire = new Wire(this.key);
    wire.line = this.#addLine(wire);
    this.#wires.add(wire);
    return {
      name: 'wire',
      isReady: true,
      start: (events) => (wire.events = events),
      write: (bytes) => this.#carry('board', bytes, wire),
      close: () => {
        this.#takeAway(wire);
        return Promise.resolve();
      },
    };
  }

  /** Takes all wires away. */
  unplug(): void {
    for (const wire of this.#wires) this.#unplug(wire);
  }

  /** A host's connection, opened. */
  async connect(options: ConnectionOptions = {}): Promise<BoardConnection> {
    const open = (): Promise<Transport> => Promise.resolve(this.plugIn());
    return await this.clock.until(BoardConnection.open(open, { clock: this.clock, ...options }));
  }

  /** What the owner of a board does. */
  poll(): void {
    const poll = ++this.#polls;
    const waitMs = this.board.poll();
    if (waitMs === Infinity) return;
    this.clock.after(Math.max(waitMs, this.#setup.workMs ?? WORK_MS), () => {
      if (poll === this.#polls) this.poll();
    });
  }

  #start(): [NorFlash, Board] {
    const flash = new NorFlash(memoryStore(this.bits), SECTOR_BYTES, this.#setup.timing);
    const options: BoardOptions = {
      identity: { board: 'test', serial: 'T-1', firmware: '0' },
      slots: 2,
      policy: { limits: MODEL_LIMITS, minimumRevision: 0 },
      ...this.#setup,
      flash,
      bootNonce: ++this.#starts,
      now: () => this.clock.now(),
    };
    // Tests that look into the board itself are those of this one.
    const board = C_BOARD === undefined ? new Board(options) : (new CBoard(C_BOARD, options) as unknown as Board);
    return [flash, board];
  }

  #addLine(wire: Wire): BoardLine {
    return this.board.addLine({
      write: (bytes) => this.#carry('host', bytes, wire),
      ...(wire.key && { key: wire.key, hangUp: () => this.#carry('host', HANG_UP, wire) }),
    });
  }

  #unplug(wire: Wire): void {
    const { events } = wire;
    this.#takeAway(wire);
    events?.onLost('The wire was taken away.');
  }

  #takeAway(wire: Wire): void {
    wire.events = undefined;
    wire.line?.unplug();
    wire.line = undefined;
    this.#wires.delete(wire);
    this.poll();
  }

  #carry(to: 'board' | 'host', bytes: Uint8Array, wire: Wire): void {
    const frame = { to, index: this.frames++, bytes };
    for (const { bytes: arriving, lateMs = 0 } of this.fate(frame)) {
      this.clock.after(LATENCY_MS + lateMs, () => {
        if (to === 'host') {
          if (arriving === HANG_UP) this.#unplug(wire);
          else wire.events?.onData(arriving);
        } else if (wire.line !== undefined) {
          wire.line.receive(arriving);
          this.poll();
        }
      });
    }
  }
}

class Wire {
  readonly key: Uint8Array | undefined;
  line: BoardLine | undefined;
  events: TransportEvents | undefined;

  constructor(key: Uint8Array | undefined) {
    this.key = key;
  }
}
