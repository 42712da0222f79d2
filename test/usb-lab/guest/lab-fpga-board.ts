/** A virtual FPGA board in this process, behind a USB/IP server of its own, whose flash scenarios look into. */

import assert from 'node:assert/strict';
import { memoryStore } from '../../../firmware-host/firmware/flash/flash-store.js';
import { VirtualFpgaBoard } from '../../../firmware-host/virtual/ftdi/virtual-fpga-board.js';
import type { UsbDevice } from '../../../firmware-host/firmware/usb/usb-device.js';
import { UsbIpServer } from '../../../firmware-host/virtual/usbip/usbip-server.js';
import type { UsbIpPort } from '../../../firmware-host/virtual/usbip/usbip-server.js';
import type { Wire } from '../../../firmware-host/virtual/wires/wire.js';
import type { Lab } from './scenario.js';
import { gone, plugIn } from './usb-ports.js';

/** As on the iCEBreaker. */
const FLASH_BYTES = 2 ** 24;

export class LabFpgaBoard {
  readonly bits = new Uint8Array(FLASH_BYTES).fill(0xff);
  readonly board: VirtualFpgaBoard;
  /** Is called before each bulk transfer from the host to the programmer, and may pull the cable. */
  onWrite: (() => void) | undefined;
  readonly #lab: Lab;
  readonly #server: UsbIpServer;
  readonly #port: UsbIpPort;
  #place = '';

  private constructor(lab: Lab, serial: string, server: UsbIpServer, onWire: (wire: Wire) => void) {
    this.#lab = lab;
    this.#server = server;
    this.#port = server.addPort();
    this.board = new VirtualFpgaBoard({
      serial,
      store: memoryStore(this.bits),
      now: () => performance.now(),
      after: (delayMs, run) => {
        const timer = setTimeout(run, delayMs);
        return () => clearTimeout(timer);
      },
      onReady: () => this.#port.flush(),
      onWire,
    });
  }

  /** @param onWire is given the FPGA's end of the UART */
  static async plugged(lab: Lab, serial: string, onWire: (wire: Wire) => void): Promise<LabFpgaBoard> {
    const board = new LabFpgaBoard(lab, serial, await UsbIpServer.open('127.0.0.1', 0), onWire);
    lab.atEnd(() => {
      board.#port.unplug();
      board.#server.close();
    });
    await board.plugIn();
    return board;
  }

  /** What the kernel calls its place. */
  get place(): string {
    return this.#place;
  }

  async plugIn(): Promise<void> {
    const { device } = this.board;
    const watched: UsbDevice = Object.setPrototypeOf(
      {
        get configuration() {
          return device.configuration;
        },
        control: (setup, data) => device.control(setup, data),
        read: (endpoint, length) => device.read(endpoint, length),
        write: (endpoint, bytes) => {
          this.onWrite?.();
          return this.#place === '' ? 'stall' : device.write(endpoint, bytes);
        },
        busReset: () => device.busReset(),
        unplug: () => device.unplug(),
      } satisfies Partial<UsbDevice>,
      device,
    );
    this.#port.plug(watched, () => {});
    this.#place = (await plugIn(this.#lab.log, this.#server.address.port, this.#port.busId)).place;
  }

  /** Pulls the cable at once; the board has its power from it. */
  pull(): void {
    this.#place = '';
    this.#port.unplug();
  }

  /** Waits until the computer has seen that the cable is gone. */
  async gone(place: string): Promise<void> {
    await gone(place);
  }

  expectHolds(offset: number, bytes: Uint8Array): void {
    const held = this.bits.subarray(offset, offset + bytes.length);
    assert.equal(Buffer.compare(held, bytes), 0, `the flash holds other bytes at ${offset}`);
  }
}
