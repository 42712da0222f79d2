/** A board behind a network port, such as a virtual one or a Linux board. */

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { isShortage } from '../../protocol/system-error.js';
import { boardNotFound, boardNotReached, networkDenied } from '../board-error.js';
import { KEEP_ALIVE } from './keep-alive.js';
import type { Transport, TransportEvents } from './transport.js';

const CONNECT_TIMEOUT_MS = 5000;

/** For what is written last to get onto a line that is full. */
const LAST_BYTES_MS = 200;

/** @throws BoardError `board-not-found`; AbortError */
export async function openTcp(host: string, port: number, signal?: AbortSignal): Promise<Transport> {
  const name = `tcp:${host.includes(':') ? `[${host}]` : host}:${port}`;
  const socket = connect({ host, port, noDelay: true, ...KEEP_ALIVE });
  const limit = AbortSignal.any([AbortSignal.timeout(CONNECT_TIMEOUT_MS), ...(signal ? [signal] : [])]);
  try {
    await once(socket, 'connect', { signal: limit });
  } catch (error) {
    socket.destroy();
    signal?.throwIfAborted();
    throw connectionError(name, error);
  }
  return transportOf(socket, name);
}

function transportOf(socket: Socket, name: string): Transport {
  let isClosing = false;
  let cause: unknown;
  return {
    name,
    get isReady() {
      return !socket.writableNeedDrain;
    },
    start({ onData, onReady, onLost }: TransportEvents) {
      socket.on('data', onData);
      socket.on('drain', onReady);
      socket.on('error', (error) => (cause = error));
      socket.on('close', () => {
        if (!isClosing) onLost('The board closed the connection.', cause);
      });
    },
    write: (bytes) => void socket.write(bytes),
    async close() {
      isClosing = true;
      if (socket.destroyed) return;
      // What was written last, such as the end of the session, still goes out.
      socket.destroySoon();
      await Promise.race([once(socket, 'close').catch(() => {}), delay(LAST_BYTES_MS)]);
      // A peer that reads nothing does not hold us up.
      socket.destroy();
    },
  };
}

function connectionError(name: string, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (isShortage(error)) return boardNotReached(name, error);
  if (code === 'EACCES' || code === 'EPERM') return networkDenied(name, error);
  if (code === 'ECONNREFUSED') return boardNotFound(name, 'Nothing listens there.', error);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return boardNotFound(name, 'The name is not known.', error);
  if (code === 'ABORT_ERR') return boardNotFound(name, 'There was no connection within 5 s.', error);
  return boardNotFound(name, `There is no way to it (${String(code)}).`, error);
}
