/** A wire to a board in the same process. What is written arrives a moment later, as on any other wire. */

import type { Transport, TransportEvents } from './transport.js';

/** The board's end of the wire. */
export interface MemoryPeer {
  /** Gives bytes to the host. */
  send(bytes: Uint8Array): void;
  /** Takes the wire away. */
  unplug(): void;
}

/**
 * @param onData gets what the host writes
 * @param onClose is told that the host has closed the wire
 */
export function memoryTransport(
  name: string,
  onData: (bytes: Uint8Array) => void,
  onClose: () => void = () => {},
): { readonly transport: Transport; readonly peer: MemoryPeer } {
  let events: TransportEvents | undefined;
  const transport: Transport = {
    name,
    isReady: true,
    start: (given) => (events = given),
    write: (bytes) =>
      queueMicrotask(() => {
        if (events !== undefined) onData(bytes);
      }),
    close: () => {
      events = undefined;
      onClose();
      return Promise.resolve();
    },
  };
  const peer: MemoryPeer = {
    send: (bytes) => queueMicrotask(() => events?.onData(bytes)),
    unplug: () => {
      const { onLost } = events ?? {};
      events = undefined;
      onLost?.('The wire was taken away.');
    },
  };
  return { transport, peer };
}
