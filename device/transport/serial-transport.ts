/** A board behind a serial port: a UART, USB CDC-ACM, or a pseudo-terminal. */

import type { SerialPort } from 'serialport';
import { boardDenied, boardLost, boardNotFound, boardNotReached, portBusy } from '../board-error.js';
import type { BoardError } from '../board-error.js';
import { deviceNode } from '../finding/read-device-node.js';
import type { Transport, TransportEvents } from './transport.js';

/** Raw, 8 data bits, no parity, 1 stop bit, no flow control. @throws BoardError */
export async function openSerial(path: string, baudRate: number, signal?: AbortSignal): Promise<Transport> {
  // The package takes 50 ms to load, which commands without a board need not wait for.
  const serialport = await import('serialport');
  signal?.throwIfAborted();
  const port = new serialport.SerialPort({ path, baudRate, autoOpen: false });
  await new Promise<void>((resolve, reject) => {
    port.open((error) => (error === null ? resolve() : reject(openError(path, error))));
  });
  return transportOf(port);
}

function transportOf(port: SerialPort): Transport {
  let isClosing = false;
  const name = `serial:${port.path}`;
  return {
    name,
    get isReady() {
      return !port.writableNeedDrain;
    },
    start({ onData, onReady, onLost }: TransportEvents) {
      port.on('data', onData);
      port.on('drain', onReady);
      const lost = (cause: unknown): void => {
        if (isClosing) return;
        isClosing = true;
        onLost('The port is gone: the board was unplugged, or has restarted.', cause);
      };
      port.on('error', lost);
      port.on('close', lost);
    },
    write: (bytes) => void port.write(bytes),
    async close() {
      isClosing = true;
      if (!port.isOpen) return;
      // What was written last, such as the end of the session, still goes out; a dead line does not hold us up.
      await Promise.race([new Promise((resolve) => port.drain(resolve)), delay(100)]);
      await new Promise((resolve) => port.close(resolve));
    },
  };
}

function delay(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/** What an error of the package `serialport`, which gives those of the operating system as text, means. */
export function openError(path: string, error: Error): BoardError {
  const { message } = error;
  if (/No such file|cannot find|not found/i.test(message)) {
    return boardNotFound(`serial:${path}`, 'There is no such port.', error);
  }
  if (/permission denied|access denied/i.test(message)) return boardDenied(deviceNode(path), error);
  if (/too many open files/i.test(message)) {
    return boardNotReached(`serial:${path}`, Object.assign(error, { code: 'EMFILE', syscall: 'open' }));
  }
  if (/lock port|resource busy|busy/i.test(message)) return portBusy(path, error);
  if (/inappropriate ioctl|not a (tty|typewriter)/i.test(message)) {
    return boardNotFound(`serial:${path}`, 'That is no serial port.', error);
  }
  return boardLost(`serial:${path}`, `It cannot be opened (${message}).`, error);
}
