/**
 * What the thread with the chip and the one with its wires say to each other. In order: what a board says comes after
 * what it has written.
 */

import type { SetupPacket } from '../../firmware/usb/setup-packet.js';

/** What the thread is started with. */
export interface PicoJob {
  /** What the flash holds, from its first byte on. */
  readonly flash: Uint8Array;
}

export type PicoRequest =
  | { readonly is: 'uart'; readonly bytes: Uint8Array }
  /** A transfer of its USB host. `setup`: of a control transfer; `length`: most bytes of one to the host. */
  | {
      readonly is: 'transfer';
      readonly id: number;
      readonly endpoint: number;
      readonly setup?: SetupPacket;
      readonly data: Uint8Array;
      readonly length: number;
    }
  | { readonly is: 'bus-reset' };

export type PicoReport =
  | { readonly is: 'uart'; readonly bytes: Uint8Array }
  /** The flash has changed there. */
  | { readonly is: 'written'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly is: 'restarted' }
  /** A host has found it on USB; its descriptors. */
  | { readonly is: 'on-usb'; readonly device: Uint8Array; readonly configuration: Uint8Array }
  /** How a transfer ended. */
  | { readonly is: 'transferred'; readonly id: number; readonly result: Uint8Array | 'stall' }
  /** The chip waits for a file on its drive: nothing runs any more. */
  | { readonly is: 'boot-mode' };
