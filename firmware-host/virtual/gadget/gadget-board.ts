/** A board behind the USB device controller of this computer. docs/USB.md, section 7. */

import type { Board, BoardIdentity } from '../../firmware/board.js';
import type { Peripheral } from '../../board-program.js';
import { DESCRIPTOR, DFU_SETTINGS, dfuDescriptors } from '../../firmware/usb/descriptors.js';
import { descriptor } from '../../firmware/usb/descriptor-bytes.js';
import { DfuFunction } from '../../firmware/usb/dfu-function.js';
import { DFU_ATTRIBUTE } from '../../firmware/usb/dfu-protocol.js';
import { openSerialWire } from '../wires/serial-port.js';
import type { Wire } from '../wires/wire.js';
import { ControlEndpoint } from './control-endpoint.js';
import { encodeDescriptors, encodeStrings } from './functionfs.js';
import {
  connectGadget,
  CONTROL_ENDPOINT,
  disconnectGadget,
  gadgetSerialPort,
  makeGadget,
  removeGadget,
} from './usb-gadget.js';

export interface GadgetOptions {
  readonly identity: BoardIdentity;
  /** One of `deviceControllers`. */
  readonly controller: string;
  readonly sectorBytes: number;
  readonly now: () => number;
  /** Is given the serial port each time that a host has come. */
  readonly onWire: (wire: Wire) => void;
  /** Is called after every request. */
  readonly onTransfer: () => void;
  /** Is told why it ended, if nobody stopped it. */
  readonly onFailure: (error: unknown) => void;
}

export interface GadgetBoard extends Peripheral {
  /** Whether the kernel took the DFU functional descriptor where it belongs; those before 6.12 do not. */
  readonly isPlain: boolean;
  /** Takes the device apart. */
  close(): Promise<void>;
}

const ATTRIBUTES = DFU_ATTRIBUTE.canDownload | DFU_ATTRIBUTE.canUpload | DFU_ATTRIBUTE.manifestationTolerant;
const RETRY_MS = 200;

/** @throws the operating system's error */
export async function openGadget(options: GadgetOptions): Promise<GadgetBoard> {
  try {
    makeGadget(options.identity);
    const endpoint = await ControlEndpoint.open(CONTROL_ENDPOINT);
    const isPlain = describeFunction(endpoint);
    return new Gadget(options, endpoint, isPlain);
  } catch (error) {
    removeGadget();
    throw error;
  }
}

/**
 * Gives FunctionFS its descriptors: the setting `weights` only, because nobody tells us which one a host has selected.
 *
 * FunctionFS of Linux before 6.12 takes descriptors of type 0x21 behind interfaces of the class HID only, as long as an
 * HID descriptor, which the functional descriptor of DFU happens to be: there it goes behind another alternate setting,
 * which is never selected. Hosts that look through the whole interface find it; `dfu-util` wants `-t 4096`.
 */
function describeFunction(endpoint: ControlEndpoint): boolean {
  const names = DFU_SETTINGS.slice(0, 1);
  const plain = dfuDescriptors(
    0,
    names.map((_, index) => index + 1),
    2,
    ATTRIBUTES,
  );
  const isPlain = isTaken(() => endpoint.describe(encodeDescriptors(plain)));
  if (!isPlain) {
    const HID = 3;
    const place = descriptor(DESCRIPTOR.interface, 0, names.length, 0, HID, 0, 0, 0);
    endpoint.describe(encodeDescriptors(plain.toSpliced(names.length, 0, place)));
  }
  endpoint.describe(encodeStrings(names));
  return isPlain;
}

function isTaken(describe: () => void): boolean {
  try {
    describe();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EINVAL') return false;
    throw error;
  }
}

class Gadget implements GadgetBoard {
  readonly isPlain: boolean;
  readonly #options: GadgetOptions;
  readonly #endpoint: ControlEndpoint;
  readonly #serving: Promise<void>;
  #dfu: DfuFunction | undefined;
  #wire: Wire | undefined;
  #isOnBus = false;
  /** Whether a host has configured it. */
  #isConnected = false;
  #isOpening = false;
  #isClosed = false;

  constructor(options: GadgetOptions, endpoint: ControlEndpoint, isPlain: boolean) {
    this.#options = options;
    this.#endpoint = endpoint;
    this.isPlain = isPlain;
    this.#serving = endpoint
      .serve({
        takes: (setup) => this.#dfu?.takes(setup) ?? false,
        request: (setup, data) => {
          const answer = this.#dfu?.request(setup, data);
          options.onTransfer();
          return answer;
        },
        onEvent: (kind) => {
          if (kind === 'enable') void this.#onHost();
          else if (kind === 'disable' || kind === 'unbind') this.#onHostGone();
        },
      })
      .catch((error: unknown) => {
        if (!this.#isClosed) options.onFailure(error);
      });
  }

  powerUp(board: Board): void {
    const { controller, sectorBytes, now } = this.#options;
    this.#dfu = new DfuFunction({ board, sectorBytes, now, mode: 'always', isRuntime: false });
    connectGadget(controller);
    this.#isOnBus = true;
  }

  powerDown(): void {
    this.#dfu = undefined;
    this.#onHostGone();
    disconnectGadget();
    this.#isOnBus = false;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#endpoint.close();
    // The read that waits for an event ends with one: taking the device off the bus is one, and putting it there.
    if (!this.#isOnBus) connectGadget(this.#options.controller);
    disconnectGadget();
    await this.#serving;
    removeGadget();
  }

  /** A host has configured the device: the serial port leads to it. */
  async #onHost(): Promise<void> {
    this.#dfu?.reset();
    this.#isConnected = true;
    await this.#openSerialPort();
  }

  #onHostGone(): void {
    this.#isConnected = false;
    this.#dfu?.reset();
    this.#options.onTransfer();
    this.#wire?.close();
  }

  async #openSerialPort(): Promise<void> {
    if (this.#isOpening) return;
    this.#isOpening = true;
    while (this.#isConnected && this.#wire === undefined) {
      try {
        this.#wire = await openSerialWire(gadgetSerialPort(), 115_200);
        this.#options.onWire(watched(this.#wire, () => this.#onWireGone()));
      } catch {
        // The last host's port is still being closed.
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    this.#isOpening = false;
  }

  #onWireGone(): void {
    this.#wire = undefined;
    void this.#openSerialPort();
  }
}

/** Tells when it is gone. */
function watched(wire: Wire, onGone: () => void): Wire {
  return {
    get isReady() {
      return wire.isReady;
    },
    start: (events) =>
      wire.start({
        ...events,
        onGone: () => {
          onGone();
          events.onGone();
        },
      }),
    write: (bytes) => wire.write(bytes),
    close: () => wire.close(),
  };
}
