/** A USB device as a bus sees it: what it does with the transfers of a host. */

import type { StandardDescriptors } from './descriptors.js';
import type { SetupPacket } from './setup-packet.js';

export interface UsbDevice {
  /** Those of the mode in which it is; another one comes only with a bus reset, or when it has left the bus. */
  readonly descriptors: Pick<StandardDescriptors, 'device' | 'configuration'>;
  /** 0 until a host configures it. */
  readonly configuration: number;
  /** Whether it waits for a bus reset to go on: after DFU_DETACH, or a manifestation. */
  readonly awaitsReset: boolean;
  /** Whether it has left the bus by itself, and waits to be found again with other descriptors. */
  readonly hasLeft: boolean;
  /**
   * A control transfer.
   * @param data of an OUT transfer
   * @returns the data of an IN transfer; undefined is STALL; `nak`, which no board of ours says: no answer, until the
   *   host loses its patience
   */
  control(setup: SetupPacket, data: Uint8Array): Uint8Array | 'nak' | undefined;
  /** Takes bytes of a bulk OUT transfer, always all of them: nothing queues here that could be full. */
  write(endpoint: number, bytes: Uint8Array): 'ack' | 'stall';
  /** Gives bytes of a bulk or interrupt IN transfer; `nak` if there are none now. */
  read(endpoint: number, length: number): Uint8Array | 'nak' | 'stall';
  /** The host resets the bus. */
  busReset(): void;
  /** The cable is pulled. */
  unplug(): void;
}
