/**
 * A board that runs: gives a {@link Board} its clock and its wires, and its power back when that was cut.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Board, BoardLine } from './firmware/board.js';
import { PowerLost } from './firmware/flash/power-cut.js';
import type { Wire } from './virtual/wires/wire.js';

export interface BoardProgramOptions {
  /** Starts the board. @throws PowerLost */
  readonly start: () => Board;
  /** Is told that the board lost power, or restarts because it was told to, and again when it is back. */
  readonly onPower?: (isOn: boolean, isWanted: boolean) => void;
  /** Is told of a mistake in the firmware; the program stops. */
  readonly onCrash: (error: unknown) => void;
}

/** What is built around a board and restarts with it, such as a USB port. */
export interface Peripheral {
  /** The board has started. */
  powerUp(board: Board): void;
  powerDown(): void;
}

interface Connected {
  readonly wire: Wire;
  readonly key: Uint8Array | undefined;
  line: BoardLine | undefined;
}

/** A board that was told to restart does so after the answer is on its way. */
const LAST_WORD_MS = 100;

/** How long a board without power stays dark. */
const DARK_MS = 300;

export class BoardProgram {
  readonly #options: BoardProgramOptions;
  readonly #connected = new Set<Connected>();
  readonly #peripherals: Peripheral[] = [];
  #board: Board | undefined;
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** @throws PowerLost if the power is cut at the first start */
  constructor(options: BoardProgramOptions) {
    this.#options = options;
    this.#board = options.start();
  }

  /** The board, unless it is dark. */
  get board(): Board | undefined {
    return this.#board;
  }

  /** Adds a wire, which stays when the board restarts. @param key that hosts on it must have */
  connect(wire: Wire, key?: Uint8Array): void {
    const connected: Connected = { wire, key, line: undefined };
    this.#connected.add(connected);
    this.#addLine(connected);
    wire.start({
      onData: (bytes) => {
        connected.line?.receive(bytes);
        this.#poll();
      },
      onReady: () => this.#poll(),
      onGone: () => {
        this.#connected.delete(connected);
        connected.line?.unplug();
        this.#poll();
      },
    });
    this.#poll();
  }

  /** Adds what is built around the board. It calls {@link poll} whenever the board may have something to do. */
  attach(peripheral: Peripheral): void {
    this.#peripherals.push(peripheral);
    if (this.#board !== undefined) peripheral.powerUp(this.#board);
  }

  /** Lets the board do what is due. */
  poll(): void {
    this.#poll();
  }

  /** Starts the board again soon: for it, that is a power cut. Once is enough. */
  restartSoon(): void {
    this.#restartTimer ??= setTimeout(() => {
      this.#restartTimer = undefined;
      if (this.#board === undefined || this.#isStopped) return;
      this.#clearTimer();
      this.#goDark();
      void this.#restart(true);
    }, LAST_WORD_MS);
  }

  /** Takes the power and all wires away. */
  stop(): void {
    this.#isStopped = true;
    this.#clearTimer();
    clearTimeout(this.#restartTimer);
    for (const peripheral of this.#peripherals) peripheral.powerDown();
    for (const { wire } of this.#connected) wire.close();
    this.#connected.clear();
    this.#board = undefined;
  }

  #addLine(connected: Connected): void {
    const { wire, key } = connected;
    connected.line = this.#board?.addLine({
      write: (bytes) => wire.write(bytes),
      isReady: () => wire.isReady,
      onSession: (isOpen) => wire.setServed?.(isOpen),
      ...(key && { key, hangUp: () => (wire.hangUp === undefined ? wire.close() : wire.hangUp()) }),
    });
  }

  #poll(): void {
    this.#clearTimer();
    if (this.#board === undefined || this.#isStopped) return;
    try {
      const waitMs = this.#board.poll();
      // At once, but after what has come in meanwhile.
      if (waitMs === 0) this.#timer = setImmediate(() => this.#poll());
      else if (waitMs !== Infinity) this.#timer = setTimeout(() => this.#poll(), waitMs);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  #clearTimer(): void {
    clearTimeout(this.#timer as NodeJS.Timeout | undefined);
    clearImmediate(this.#timer as NodeJS.Immediate | undefined);
  }

  #goDark(): void {
    this.#board = undefined;
    for (const connected of this.#connected) {
      connected.line = undefined;
      connected.wire.setServed?.(false);
    }
    for (const peripheral of this.#peripherals) peripheral.powerDown();
  }

  #onFailure(error: unknown): void {
    this.#goDark();
    if (error instanceof PowerLost) void this.#restart(false);
    else this.#options.onCrash(error);
  }

  async #restart(isWanted: boolean): Promise<void> {
    this.#options.onPower?.(false, isWanted);
    await sleep(DARK_MS);
    if (this.#isStopped) return;
    try {
      this.#board = this.#options.start();
    } catch (error) {
      this.#onFailure(error);
      return;
    }
    for (const connected of this.#connected) this.#addLine(connected);
    for (const peripheral of this.#peripherals) peripheral.powerUp(this.#board);
    this.#options.onPower?.(true, isWanted);
    this.#poll();
  }
}
