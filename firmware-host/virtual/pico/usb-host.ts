/**
 * A USB host at the controller of an emulated Pico: its transfers, packet by packet, as the controller of a computer
 * makes them of what drivers submit. Whoever runs the chip calls `poll` between two looks at it.
 */

import { encodeSetup, isIn, RECIPIENT } from '../../firmware/usb/setup-packet.js';
import type { SetupPacket } from '../../firmware/usb/setup-packet.js';
import { STANDARD_REQUEST } from '../../firmware/usb/standard-requests.js';
import type { UsbController } from './usb-controller.js';

/** How a transfer ended; bytes of an IN transfer. */
export type TransferResult = Uint8Array | 'stall';

export interface Transfer {
  /** With the direction in bit 7; 0 of a control transfer. */
  readonly endpoint: number;
  /** Of a control transfer. */
  readonly setup?: SetupPacket;
  /** What goes out. */
  readonly data: Uint8Array;
  /** Most bytes of an IN transfer. */
  readonly length: number;
  readonly onDone: (result: TransferResult) => void;
}

/** What it sees of a controller. */
export type PacketDevice = Pick<UsbController, 'busReset' | 'setup' | 'in' | 'out'>;

const PACKET_BYTES = 64;
const DESCRIPTOR = { interface: 4, endpoint: 5 } as const;
const NOTHING = new Uint8Array(0);
/** So long a device is left alone after a reset (USB 2.0, 7.1.7.5): it has heard of that before the first packet. */
const RECOVERY_NS = 10e6;

/** A transfer that is under way. */
interface Running {
  readonly transfer: Transfer;
  stage: 'setup' | 'data' | 'status';
  /** Of its packets so far. */
  received: Uint8Array[];
  done: number;
  isData1: boolean;
}

export class UsbHost {
  readonly #usb: PacketDevice;
  /** By endpoint, with its direction: in order. */
  readonly #queues = new Map<number, Running[]>();
  /** By interface, as the device describes them. */
  #endpoints: ReadonlyMap<number, readonly number[]> = new Map();
  /** Endpoints whose next packet is DATA1. */
  readonly #toggles = new Set<number>();
  #address = 0;
  readonly #now: () => number;
  /** Nothing is said before. */
  #quietUntilNs = -Infinity;

  /** @param now nanoseconds since any instant */
  constructor(usb: PacketDevice, now: () => number) {
    this.#usb = usb;
    this.#now = now;
  }

  /** Resets the bus and gives the device an address; what was under way is forgotten. */
  reset(onDone: () => void): void {
    this.#queues.clear();
    this.#toggles.clear();
    this.#address = 0;
    this.#usb.busReset();
    this.#quietUntilNs = this.#now() + RECOVERY_NS;
    const setup = { requestType: 0, request: STANDARD_REQUEST.setAddress, value: 1, index: 0, length: 0 };
    this.submit({ endpoint: 0, setup, data: NOTHING, length: 0, onDone });
  }

  /** What a host does with a device that it has found. @param onDone gets its descriptors */
  enumerate(onDone: (device: Uint8Array, configuration: Uint8Array) => void): void {
    const get = (type: number, length: number, onDescriptor: (bytes: Uint8Array) => void): void =>
      this.submit({
        endpoint: 0,
        setup: { requestType: 0x80, request: STANDARD_REQUEST.getDescriptor, value: type << 8, index: 0, length },
        data: NOTHING,
        length,
        onDone: (result) => {
          if (result === 'stall') throw new Error(`the device has no descriptor of type ${type}`);
          onDescriptor(result);
        },
      });
    this.reset(() =>
      get(1, 18, (device) =>
        get(2, 1024, (configuration) => {
          this.#endpoints = endpointsOf(configuration);
          onDone(device, configuration);
        }),
      ),
    );
  }

  submit(transfer: Transfer): void {
    const running: Running = {
      transfer,
      stage: transfer.setup === undefined ? 'data' : 'setup',
      received: [],
      done: 0,
      isData1: false,
    };
    const queue = this.#queues.get(transfer.endpoint);
    if (queue === undefined) this.#queues.set(transfer.endpoint, [running]);
    else queue.push(running);
  }

  /** A packet of each endpoint, if both sides have something to say. */
  poll(): void {
    if (this.#now() < this.#quietUntilNs) return;
    for (const [endpoint, queue] of this.#queues) {
      const [running] = queue;
      if (running === undefined) continue;
      const { setup, onDone } = running.transfer;
      const result = setup === undefined ? this.#packet(endpoint, running) : this.#controlPacket(setup, running);
      if (result === undefined) continue;
      queue.shift();
      if (setup !== undefined && result !== 'stall') this.#note(setup);
      onDone(result);
    }
  }

  #controlPacket(setup: SetupPacket, running: Running): TransferResult | undefined {
    const given = isIn(setup);
    if (running.stage === 'setup') {
      if (this.#usb.setup(this.#address, encodeSetup(setup)) !== 'ack') return undefined;
      running.isData1 = true;
      running.stage = setup.length === 0 ? 'status' : 'data';
      return undefined;
    }
    if (running.stage === 'data') {
      const end = given ? this.#in(0, running) : this.#out(0, running);
      if (end === 'stall') return end;
      if (end === 'ended') [running.stage, running.isData1] = ['status', true];
      return undefined;
    }
    // The other way round, with no bytes.
    const isDataIn = given && setup.length > 0;
    const status = isDataIn ? this.#usb.out(this.#address, 0, true, NOTHING) : this.#usb.in(this.#address, 0, true);
    if (status === 'stall') return status;
    if (status === 'nak' || status === 'silence') return undefined;
    if (status instanceof Uint8Array && status.length > 0) throw new Error('a status stage has bytes');
    return joined(running.received);
  }

  #packet(endpoint: number, running: Running): TransferResult | undefined {
    running.isData1 = this.#toggles.has(endpoint);
    const end = (endpoint & 0x80) === 0 ? this.#out(endpoint, running) : this.#in(endpoint & 0x7f, running);
    if (running.isData1) this.#toggles.add(endpoint);
    else this.#toggles.delete(endpoint);
    if (end === 'stall') return end;
    return end === 'ended' ? joined(running.received) : undefined;
  }

  #in(endpoint: number, running: Running): 'stall' | 'ended' | undefined {
    const packet = this.#usb.in(this.#address, endpoint, running.isData1);
    if (packet === 'stall') return packet;
    if (!(packet instanceof Uint8Array)) return undefined;
    running.isData1 = !running.isData1;
    running.received.push(packet);
    running.done += packet.length;
    const { length } = running.transfer;
    if (running.done > length) throw new Error(`a device gives ${running.done} bytes where ${length} were asked for`);
    return packet.length < PACKET_BYTES || running.done === length ? 'ended' : undefined;
  }

  #out(endpoint: number, running: Running): 'stall' | 'ended' | undefined {
    const { data } = running.transfer;
    const packet = data.subarray(running.done, running.done + PACKET_BYTES);
    const handshake = this.#usb.out(this.#address, endpoint, running.isData1, packet);
    if (handshake === 'stall') return handshake;
    if (handshake !== 'ack') return undefined;
    running.isData1 = !running.isData1;
    running.done += packet.length;
    return running.done === data.length ? 'ended' : undefined;
  }

  /** What both sides go by from then on: the address, and DATA0 again. */
  #note(setup: SetupPacket): void {
    const is = (requestType: number, request: number): boolean =>
      setup.requestType === requestType && setup.request === request;
    const { setAddress, setConfiguration, setInterface, clearFeature } = STANDARD_REQUEST;
    if (is(RECIPIENT.device, setAddress)) this.#address = setup.value;
    else if (is(RECIPIENT.device, setConfiguration)) this.#toggles.clear();
    else if (is(RECIPIENT.interface, setInterface))
      for (const endpoint of this.#endpoints.get(setup.index) ?? []) this.#toggles.delete(endpoint);
    // Of an endpoint there is one feature: its halt.
    else if (is(RECIPIENT.endpoint, clearFeature)) this.#toggles.delete(setup.index);
  }
}

/** Endpoints by interface (USB 2.0, 9.6.5 and 9.6.6). */
function endpointsOf(configuration: Uint8Array): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, number[]>();
  let current: number[] = [];
  for (let at = 0; at + 2 < configuration.length; at += Math.max(2, configuration[at]!)) {
    const [, type, value = 0] = configuration.subarray(at);
    if (type === DESCRIPTOR.interface) found.set(value, (current = found.get(value) ?? []));
    else if (type === DESCRIPTOR.endpoint) current.push(value);
  }
  return found;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
