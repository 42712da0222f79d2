/** A network port of a board: each connection of a host is a wire; what is no host does not get so far. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { KEEP_ALIVE, WaitingRoom } from '../waiting-room.js';
import type { WaitingRoomOptions } from '../waiting-room.js';
import { beginsWithSyn } from './first-frame.js';
import { streamWire } from './stream-wire.js';
import type { Wire } from './wire.js';

export interface TcpPort {
  readonly host: string;
  readonly port: number;
  close(): void;
}

/**
 * @param port 0 takes a free one
 * @throws the operating system's error
 */
export async function openTcpPort(
  host: string,
  port: number,
  onWire: (wire: Wire) => void,
  options: WaitingRoomOptions = {},
): Promise<TcpPort> {
  const room = new WaitingRoom(options);
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, ...KEEP_ALIVE }, (socket) => {
    sockets.add(socket);
    // An error is followed by `close`; without a listener it would end the process.
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    room.enter(socket);
    awaitHost(socket, (first) => onWire(hostWire(socket, first, room)));
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return {
    host: address.address,
    port: address.port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** @param onHost gets what has come so far, which begins with the SYN of a host; the socket is paused then */
function awaitHost(socket: Socket, onHost: (first: Uint8Array) => void): void {
  let heard = Buffer.alloc(0);
  const listen = (bytes: Buffer): void => {
    heard = Buffer.concat([heard, bytes]);
    const isHost = beginsWithSyn(heard);
    if (isHost === undefined) return;
    socket.off('data', listen).pause();
    if (isHost) onHost(heard);
    else socket.destroy();
  };
  socket.on('data', listen);
}

function hostWire(socket: Socket, first: Uint8Array, room: WaitingRoom): Wire {
  const wire = streamWire(socket, socket, () => socket.destroy());
  return {
    get isReady() {
      return wire.isReady;
    },
    start: (events) => {
      wire.start(events);
      events.onData(first);
      socket.resume();
    },
    write: (bytes) => wire.write(bytes),
    close: () => wire.close(),
    hangUp: () => socket.destroySoon(),
    setServed: (isServed) => (isServed ? room.leave(socket) : room.enter(socket)),
  };
}
