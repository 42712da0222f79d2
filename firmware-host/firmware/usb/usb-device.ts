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
   *
   * @param data of an OUT transfer
   * @param later for who says `nak`: gets the answer when there is one; a host loses its patience one day
   * @returns the data of an IN transfer; undefined is STALL
   */
  control(
    setup: SetupPacket,
    data: Uint8Array,
    later: (answer: Uint8Array | undefined) => void,
  ): Uint8Array | 'nak' | undefined;
  /**
   * Takes all bytes of a bulk OUT transfer. Boards of ours do at once: nothing queues there that could be full.
   *
   * @param later for who says `nak`: is told when it has taken them
   */
  write(endpoint: number, bytes: Uint8Array, later: (end: 'ack' | 'stall') => void): 'ack' | 'nak' | 'stall';
  /** Gives bytes of a bulk or interrupt IN transfer; `nak` if there are none now. */
  read(endpoint: number, length: number): Uint8Array | 'nak' | 'stall';
  /** The host resets the bus. */
  busReset(): void;
  /** The cable is pulled. */
  unplug(): void;
}
