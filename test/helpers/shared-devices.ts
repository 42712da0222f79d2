/** A USB/IP server that shares devices and lends none; written from Documentation/usb/usbip_protocol.rst of Linux. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface SharedDevice {
  readonly busId: string;
  readonly vendor: number;
  readonly product: number;
  /** Class, subclass and protocol of each. */
  readonly interfaces: readonly (readonly [number, number, number])[];
}

/** @returns its port, and what ends it */
export async function shareDevices(
  devices: readonly SharedDevice[],
): Promise<{ readonly port: number; readonly stop: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', (request) => {
      const isList = request.readUInt16BE(2) === 0x8005;
      socket.end(
        isList ? Buffer.concat([head(0x0005, 0), u32(devices.length), ...devices.map(record)]) : head(0x0003, 1),
      );
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, stop };
}

function head(code: number, status: number): Buffer {
  return Buffer.concat([u16(0x0111), u16(code), u32(status)]);
}

/** Path, bus id, bus, device, speed, ids, class of the device, configuration 1 of 1, then the interfaces. */
function record({ busId, vendor, product, interfaces }: SharedDevice): Buffer {
  const ids = [vendor, product, 0x0100].map(u16);
  const codes = Buffer.from([0, 0, 0, 1, 1, interfaces.length]);
  const records = interfaces.map((triple) => Buffer.from([...triple, 0]));
  return Buffer.concat([Buffer.alloc(256), text(busId, 32), u32(1), u32(2), u32(3), ...ids, codes, ...records]);
}

function text(value: string, bytes: number): Buffer {
  return Buffer.concat([Buffer.from(value), Buffer.alloc(bytes)]).subarray(0, bytes);
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}

function u32(value: number): Buffer {
  return Buffer.concat([u16(value >>> 16), u16(value & 0xffff)]);
}
