/** A real serial port of a Linux board: a UART, or the gadget that makes it a USB device. */

import { streamWire } from './stream-wire.js';
import type { Wire } from './wire.js';

/** Raw, 8 data bits, no parity, 1 stop bit, no flow control. @throws the operating system's error, as text */
export async function openSerialWire(path: string, baudRate: number): Promise<Wire> {
  const { SerialPort } = await import('serialport');
  const port = new SerialPort({ path, baudRate, autoOpen: false });
  await new Promise<void>((resolve, reject) => port.open((error) => (error === null ? resolve() : reject(error))));
  return streamWire(port, port, () => port.close());
}
