/** A USB device as a bus sees it: what it does with the transfers of a host. */

import type { DeviceDescriptors } from './descriptors.js';
import type { SetupPacket } from './setup-packet.js';

export type Handshake = 'ack' | 'nak' | 'stall';

export interface UsbDevice {
  /** Those of the mode in which it is; another one comes only with a bus reset, or when it has left the bus. */
  readonly descriptors: Pick<DeviceDescriptors, 'device' | 'configuration'>;
  /** 0 until a host configures it. */
  readonly configuration: number;
  /** Whether it waits for a bus reset to go on: after DFU_DETACH, or a manifestation. */
  readonly awaitsReset: boolean;
  /** Whether it has left the bus by itself, and waits to be found again with other descriptors. */
  readonly hasLeft: boolean;
  /** A control transfer. @param data of an OUT transfer @returns the data of an IN transfer; undefined is STALL */
  control(setup: SetupPacket, data: Uint8Array): Uint8Array | undefined;
  /** Takes bytes of a bulk OUT transfer. */
  write(endpoint: number, bytes: Uint8Array): Handshake;
  /** Gives bytes of a bulk or interrupt IN transfer. */
  read(endpoint: number, length: number): Uint8Array | Exclude<Handshake, 'ack'>;
  /** The host resets the bus. */
  busReset(): void;
  /** The cable is pulled. */
  unplug(): void;
}
