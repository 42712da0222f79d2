/**
 * What the thread with the chip and the one with its wires say to each other. In order: what a board says comes after
 * what it has written.
 */

/** What the thread is started with. */
export interface PicoJob {
  /** What the flash holds, from its first byte on. */
  readonly flash: Uint8Array;
}

export type PicoRequest = { readonly is: 'uart'; readonly bytes: Uint8Array };

export type PicoReport =
  | { readonly is: 'uart'; readonly bytes: Uint8Array }
  /** The flash has changed there. */
  | { readonly is: 'written'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly is: 'restarted' }
  /** The chip waits for a file on its drive: nothing runs any more. */
  | { readonly is: 'boot-mode' };
