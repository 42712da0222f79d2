/**
 * A board of `firmware-host/` in this process, behind a USB/IP server of its own, that scenarios look into and pull the
 * cable of at any transfer.
 */

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { Board } from '../../../firmware-host/firmware/board.js';
import { BoardProgram } from '../../../firmware-host/board-program.js';
import { memoryStore } from '../../../firmware-host/firmware/flash/flash-store.js';
import { NorFlash } from '../../../firmware-host/firmware/flash/nor-flash.js';
import type { FlashTiming } from '../../../firmware-host/firmware/flash/nor-flash.js';
import { installImage } from '../../../firmware-host/firmware/install-image.js';
import { BoardDevice } from '../../../firmware-host/firmware/usb/board-device.js';
import type { DfuStateName } from '../../../firmware-host/firmware/usb/dfu-protocol.js';
import type { DfuMode } from '../../../firmware-host/firmware/usb/dfu.js';
import { RECIPIENT, TYPE } from '../../../firmware-host/firmware/usb/setup-packet.js';
import type { SetupPacket } from '../../../firmware-host/firmware/usb/setup-packet.js';
import type { UsbDevice } from '../../../firmware-host/firmware/usb/usb-device.js';
import { UsbIpServer } from '../../../firmware-host/virtual/usbip/usbip-server.js';
import type { UsbIpPort } from '../../../firmware-host/virtual/usbip/usbip-server.js';
import { ImageFile } from '../../../model/image-file.js';
import { MODEL_LIMITS } from '../../../protocol/image/model-shape.js';
import { modelPath } from './models.js';
import type { ModelName } from './models.js';
import type { Lab } from './scenario.js';
import { gone, plugIn } from './usb-ports.js';
import type { PluggedDevice } from './usb-ports.js';

export interface LabBoardOptions {
  readonly serial: string;
  /** In its flash from the start; none by default. */
  readonly model?: ModelName;
  /** How it is flashed over USB: docs/USB.md, section 2. */
  readonly dfu?: DfuMode;
  /** What it does otherwise than a good board. */
  readonly disguise?: (device: UsbDevice) => Partial<UsbDevice>;
  /** Of its flash; instant by default. */
  readonly timing?: FlashTiming;
}

/** A transfer that the board is about to get, or to answer. */
export interface Transfer {
  /** `dfu`: to its DFU interface, also our vendor requests; `serial`: bytes for its serial port. */
  readonly kind: 'dfu' | 'serial';
  readonly when: 'before' | 'after';
  /** Of DFU, at that time. */
  readonly state: DfuStateName;
}

const SECTOR_BYTES = 4096;
const FLASH_BYTES = 2 ** 20;

export class LabBoard {
  readonly serial: string;
  /** Is told of such transfers, and may pull the cable then: the request does not arrive, or its answer does not. */
  onTransfer: ((transfer: Transfer) => void) | undefined;
  readonly #lab: Lab;
  readonly #options: LabBoardOptions;
  readonly #server: UsbIpServer;
  readonly #port: UsbIpPort;
  readonly #store = memoryStore(FLASH_BYTES);
  #program: BoardProgram | undefined;
  #device: BoardDevice | undefined;
  #flash: NorFlash | undefined;
  /** Erasures and programs before the last power cut. */
  #operationsBefore = 0;
  #plugged: PluggedDevice | undefined;
  #pulls = 0;

  private constructor(lab: Lab, options: LabBoardOptions, server: UsbIpServer) {
    this.#lab = lab;
    this.#options = options;
    this.#server = server;
    this.#port = server.addPort();
    this.serial = options.serial;
  }

  /** A board with power, not plugged in. */
  static async start(lab: Lab, options: LabBoardOptions): Promise<LabBoard> {
    const board = new LabBoard(lab, options, await UsbIpServer.open('127.0.0.1', 0));
    lab.atEnd(() => board.end());
    if (options.model !== undefined) board.#install(options.model);
    board.powerUp();
    return board;
  }

  /** A board that is plugged in. */
  static async plugged(lab: Lab, options: LabBoardOptions): Promise<LabBoard> {
    const board = await LabBoard.start(lab, options);
    await board.plugIn();
    return board;
  }

  /** Where its USB/IP server listens, and its name there. */
  get address(): { readonly tcpPort: number; readonly busId: string } {
    return { tcpPort: this.#server.address.port, busId: this.#port.busId };
  }

  /** What the kernel calls its place. */
  get place(): string {
    assert.ok(this.#plugged, `${this.serial} is not plugged in`);
    return this.#plugged.place;
  }

  /** SHA-256 in the seal of the image that it runs; empty if it runs none. */
  get runs(): string {
    const running = this.#program?.board?.images.running;
    return running === undefined ? '' : Buffer.from(running.view.seal.sha256).toString('hex');
  }

  /** Erasures and programs of its flash so far. */
  get flashOperations(): number {
    return this.#operationsBefore + (this.#flash?.operations ?? 0);
  }

  async plugIn(): Promise<PluggedDevice> {
    const { tcpPort, busId } = this.address;
    this.#plugged = await plugIn(this.#lab.log, tcpPort, busId);
    return this.#plugged;
  }

  /** Waits until it has left the bus by itself (`dfu: 'will-detach'`), and the computer has seen that. */
  async left(): Promise<void> {
    await gone(this.place);
  }

  /** Pulls the cable at once. A board without a battery loses its power as well. */
  pull(what: 'cable' | 'power'): void {
    this.#pulls++;
    this.#lab.log.write(`--- ${this.serial}: ${what} pulled`);
    if (what === 'power') {
      this.#powerDown();
      return;
    }
    this.#port.unplug();
    this.#device?.unplug();
    this.#program?.poll();
  }

  /** Puts the cable back, after the computer has seen that it was away. */
  async putBack(): Promise<PluggedDevice> {
    await gone(this.place);
    if (this.#program === undefined) this.powerUp();
    else this.#exportDevice();
    return await this.plugIn();
  }

  /** Takes it away for good, and waits until the computer has seen that. */
  async end(): Promise<void> {
    this.onTransfer = undefined;
    this.#powerDown();
    this.#server.close();
    if (this.#plugged !== undefined) await gone(this.#plugged.place);
    this.#plugged = undefined;
  }

  powerUp(): void {
    const { serial, dfu = 'always', timing } = this.#options;
    const identity = { board: 'virtual', serial, firmware: 'lab' };
    const flash = new NorFlash(this.#store, SECTOR_BYTES, timing);
    const now = (): number => performance.now();
    const policy = { limits: MODEL_LIMITS, minimumRevision: 0 };
    this.#flash = flash;
    const program = new BoardProgram({
      start: () => new Board({ identity, flash, slots: 2, policy, bootNonce: randomInt(2 ** 32), now }),
      // Nobody waits for it; it ends the run of all scenarios.
      onCrash: (error) => {
        throw new Error(`the firmware of ${serial} crashed`, { cause: error });
      },
    });
    program.attach({
      powerUp: (board) => {
        this.#device = new BoardDevice({
          board,
          identity,
          sectorBytes: SECTOR_BYTES,
          mode: dfu,
          now,
          onWire: (wire) => program.connect(wire),
          onReady: () => this.#port.flush(),
        });
        this.#exportDevice();
      },
      powerDown: () => {
        this.#port.unplug();
        this.#device?.unplug();
      },
    });
    this.#program = program;
  }

  #powerDown(): void {
    this.#program?.stop();
    this.#program = undefined;
    this.#device = undefined;
    this.#operationsBefore += this.#flash?.operations ?? 0;
    this.#flash = undefined;
  }

  #exportDevice(): void {
    const device = this.#device;
    if (device === undefined) return;
    const watched = this.#watched(device);
    const disguised = { ...this.#options.disguise?.(watched) };
    // In front of the good board, whose properties change.
    const shown: UsbDevice = Object.setPrototypeOf(disguised, watched);
    this.#port.plug(shown, () => this.#program?.poll());
  }

  /** The device, with an eye on its transfers. */
  #watched(device: BoardDevice): UsbDevice {
    return {
      get descriptors() {
        return device.descriptors;
      },
      get configuration() {
        return device.configuration;
      },
      get awaitsReset() {
        return device.awaitsReset;
      },
      get hasLeft() {
        return device.hasLeft;
      },
      busReset: () => device.busReset(),
      unplug: () => device.unplug(),
      read: (endpoint, length) => device.read(endpoint, length),
      write: (endpoint, bytes) => this.#tell(device, 'serial', () => device.write(endpoint, bytes)) ?? 'stall',
      control: (setup, data) => {
        const work = (): Uint8Array | undefined => device.control(setup, data);
        return isDfu(setup, device.descriptors.dfuInterface) ? this.#tell(device, 'dfu', work) : work();
      },
    };
  }

  /** Carries out a transfer, unless the cable is pulled before. */
  #tell<T>(device: BoardDevice, kind: Transfer['kind'], work: () => T): T | undefined {
    const pulls = this.#pulls;
    this.onTransfer?.({ kind, when: 'before', state: device.dfuState });
    if (this.#pulls !== pulls) return undefined;
    const answer = work();
    this.onTransfer?.({ kind, when: 'after', state: device.dfuState });
    return answer;
  }

  /** As in a factory. */
  #install(model: ModelName): void {
    const image = ImageFile.openChecked(modelPath(model));
    installImage(new NorFlash(this.#store, SECTOR_BYTES), 2, image.source);
    image.close();
  }
}

/** A class or vendor request to the DFU interface. */
function isDfu({ requestType, index }: SetupPacket, dfuInterface: number): boolean {
  const isStandard = (requestType & TYPE.mask) === TYPE.standard;
  return !isStandard && (requestType & RECIPIENT.mask) === RECIPIENT.interface && index === dfuInterface;
}
