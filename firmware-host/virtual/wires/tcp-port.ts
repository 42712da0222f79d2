/** A network port of a board: each connection is a wire. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { streamWire } from './stream-wire.js';
import type { Wire } from './wire.js';

export interface TcpPort {
  readonly host: string;
  readonly port: number;
  close(): void;
}

/** One host has the session; a few more may ask and hear that. */
const MAX_CONNECTIONS = 8;

/**
 * @param port 0 takes a free one
 * @throws the operating system's error
 */
export async function openTcpPort(host: string, port: number, onWire: (wire: Wire) => void): Promise<TcpPort> {
  const server = createServer({ noDelay: true }, (socket) => {
    onWire(streamWire(socket, socket, () => socket.destroy()));
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return { host: address.address, port: address.port, close: () => server.close() };
}
