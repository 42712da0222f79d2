/** A board of ours as a device on the fake USB: the firmware itself, its flash and its serial port. */

import type { UsbDeviceInfo } from '../../device/usb/usb-device.js';
import { decodeConfiguration } from '../../device/usb/descriptors.js';
import { Board } from '../../firmware-host/firmware/board.js';
import type { BoardOptions } from '../../firmware-host/firmware/board.js';
import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { NorFlash } from '../../firmware-host/firmware/flash/nor-flash.js';
import type { FlashTiming } from '../../firmware-host/firmware/flash/nor-flash.js';
import { installImage } from '../../firmware-host/firmware/install-image.js';
import { BoardDevice } from '../../firmware-host/firmware/usb/board-device.js';
import type { DfuMode } from '../../firmware-host/firmware/usb/dfu.js';
import type { Wire } from '../../firmware-host/virtual/wires/wire.js';
import { memorySource } from '../../protocol/byte-source.js';
import { MODEL_LIMITS } from '../../protocol/image/model-shape.js';
import { hashOf } from './board-on-usb.js';
import type { TestClock } from './board-on-a-line.js';
import type { Answer, Pluggable, RawSetup } from './fake-usb.js';

const SECTOR_BYTES = 4096;
const FLASH_SECTORS = 2 + 2 * 12;
/** A step of the board's work, such as a token. */
const WORK_MS = 0.5;

export interface PluggedBoardOptions extends Partial<Omit<BoardOptions, 'flash' | 'now' | 'bootNonce' | 'identity'>> {
  readonly serial?: string;
  readonly mode?: DfuMode;
  /** Is in the flash already, confirmed. */
  readonly image?: Uint8Array;
  readonly timing?: FlashTiming;
}

export class PluggedBoard implements Pluggable {
  readonly bits = new Uint8Array(FLASH_SECTORS * SECTOR_BYTES).fill(0xff);
  readonly serial: string;
  readonly #clock: TestClock;
  readonly #options: PluggedBoardOptions;
  #board: Board;
  #device: BoardDevice;
  #polls = 0;
  #starts = 0;
  #reads: (() => void)[] = [];

  constructor(clock: TestClock, options: PluggedBoardOptions = {}) {
    this.#clock = clock;
    this.#options = options;
    this.serial = options.serial ?? 'T-1';
    if (options.image !== undefined) {
      installImage(new NorFlash(memoryStore(this.bits), SECTOR_BYTES), 2, memorySource(options.image));
    }
    [this.#board, this.#device] = this.#start();
  }

  /** Power off and on again, which takes it from the bus. */
  restart(): void {
    [this.#board, this.#device] = this.#start();
  }

  /** SHA-256 of the image that runs, in hexadecimal; empty if there is none. */
  get running(): string {
    const source = this.#board.images.running?.source;
    return source === undefined ? '' : hashOf(source.read(0, source.length));
  }

  get info(): Omit<UsbDeviceInfo, 'path' | 'address'> {
    const { interfaces } = decodeConfiguration(this.#device.descriptors.configuration);
    return {
      vendor: 0x1209,
      product: 1,
      release: 0x0100,
      serial: this.serial,
      name: 'mmfree board',
      interfaces: interfaces.filter(({ alternate }) => alternate === 0),
    };
  }

  get hasLeft(): boolean {
    return this.#device.hasLeft;
  }

  busReset(): void {
    this.#device.busReset();
  }

  unplugged(): void {
    this.#device.unplug();
    this.#reads = [];
    this.#poll();
  }

  control(setup: RawSetup, data: Uint8Array): Answer {
    // The system configures what it enumerates.
    if (this.#device.configuration === 0) this.#device.configure(1);
    const answer = this.#device.control(setup, data);
    this.#poll();
    return answer === undefined ? 'stall' : answer.slice();
  }

  async bulkIn(endpoint: number, length: number): Promise<Uint8Array> {
    for (;;) {
      const bytes = this.#device.read(endpoint | 0x80, length);
      if (bytes === 'stall') throw new Error('the endpoint is halted');
      if (bytes !== 'nak') return bytes.slice();
      await new Promise<void>((resolve) => void this.#reads.push(resolve));
    }
  }

  bulkOut(endpoint: number, data: Uint8Array): void {
    this.#device.write(endpoint, data);
    this.#poll();
  }

  #start(): [Board, BoardDevice] {
    const identity = { board: 'test', serial: this.serial, firmware: '0' };
    const now = (): number => this.#clock.now();
    const board = new Board({
      slots: 2,
      policy: { limits: MODEL_LIMITS, minimumRevision: 0 },
      ...this.#options,
      identity,
      flash: new NorFlash(memoryStore(this.bits), SECTOR_BYTES, this.#options.timing),
      bootNonce: ++this.#starts,
      now,
    });
    const device = new BoardDevice({
      board,
      identity,
      sectorBytes: SECTOR_BYTES,
      mode: this.#options.mode ?? 'always',
      now,
      onWire: (wire) => this.#connect(board, wire),
      onReady: () => {
        for (const resolve of this.#reads.splice(0)) this.#clock.after(0, resolve);
      },
    });
    return [board, device];
  }

  #connect(board: Board, wire: Wire): void {
    const line = board.addLine({ write: (bytes) => wire.write(bytes), isReady: () => wire.isReady });
    wire.start({
      onData: (bytes) => line.receive(bytes),
      onReady: () => this.#poll(),
      onGone: () => line.unplug(),
    });
  }

  #poll(): void {
    const poll = ++this.#polls;
    const waitMs = this.#board.poll();
    if (waitMs === Infinity) return;
    this.#clock.after(Math.max(waitMs, WORK_MS), () => {
      if (poll === this.#polls) this.#poll();
    });
  }
}
