/**
 * A USB/IP server: Linux (`usbip attach`), and any other client, gets the boards of this computer as USB devices. It
 * has no encryption and no passwords; who reaches its port has the boards.
 */

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { UsbDevice } from '../../firmware/usb/usb-device.js';
import { KEEP_ALIVE, WaitingRoom } from '../waiting-room.js';
import type { WaitingRoomOptions } from '../waiting-room.js';
import { Attachment } from './attachment.js';
import { ByteQueue } from './byte-queue.js';
import {
  BUS_ID_BYTES,
  decodeBusId,
  decodeOperation,
  deviceRecord,
  interfaceRecords,
  isKnownVersion,
  OPERATION,
  OPERATION_BYTES,
  OPERATION_STATUS,
  operationReply,
} from './usbip-protocol.js';
import type { ExportedDevice } from './usbip-protocol.js';

/** More than a client can have to say before it is answered. */
const MAX_OPENING_BYTES = 4096;
const BUS_NUMBER = 1;

/** A port of the server, into which a board is plugged. */
export interface UsbIpPort {
  /** By which clients import it, such as `1-1`. */
  readonly busId: string;
  /** @param onTransfer is called after every transfer */
  plug(device: UsbDevice, onTransfer: () => void): void;
  /** Pulls the board out: whoever has imported it loses it. */
  unplug(): void;
  /** An endpoint of the board has something to give. */
  flush(): void;
}

interface Plugged {
  readonly device: UsbDevice;
  readonly onTransfer: () => void;
  /** Who has imported it. */
  client: { readonly socket: Socket; readonly attachment: Attachment } | undefined;
}

export class UsbIpServer {
  readonly #server: Server;
  /** Clients that have imported nothing. */
  readonly #waitingRoom: WaitingRoom;
  readonly #sockets = new Set<Socket>();
  /** Port n is at place n − 1. */
  readonly #ports: (Plugged | undefined)[] = [];

  private constructor(server: Server, options: WaitingRoomOptions) {
    this.#server = server;
    this.#waitingRoom = new WaitingRoom(options);
    server.on('connection', (socket) => this.#serve(socket));
  }

  /** @param port 0 takes a free one @throws the operating system's error */
  static async open(host: string, port: number, options: WaitingRoomOptions = {}): Promise<UsbIpServer> {
    const server = createServer({ noDelay: true, ...KEEP_ALIVE });
    const usbip = new UsbIpServer(server, options);
    server.listen(port, host);
    await once(server, 'listening');
    return usbip;
  }

  get address(): { readonly host: string; readonly port: number } {
    const { address, port } = this.#server.address() as AddressInfo;
    return { host: address, port };
  }

  /** Another port, empty. */
  addPort(): UsbIpPort {
    const index = this.#ports.push(undefined) - 1;
    let isFlushDue = false;
    const flush = (): void => {
      isFlushDue = false;
      this.#ports[index]?.client?.attachment.flush();
    };
    return {
      busId: busIdOf(index),
      plug: (device, onTransfer) => {
        this.#ports[index] = { device, onTransfer, client: undefined };
      },
      unplug: () => {
        const plugged = this.#ports[index];
        this.#ports[index] = undefined;
        plugged?.client?.socket.destroy();
      },
      flush: () => {
        // Not inside of the board, which is calling.
        if (!isFlushDue) queueMicrotask(flush);
        isFlushDue = true;
      },
    };
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    const queue = new ByteQueue();
    let plugged: Plugged | undefined;
    this.#waitingRoom.enter(socket);
    // An error is followed by `close`.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (plugged?.client?.socket === socket) release(plugged);
    });
    socket.on('drain', () => socket.resume());
    socket.on('data', (bytes) => {
      queue.push(bytes);
      socket.cork();
      plugged ??= this.#open(socket, queue);
      const isProper = plugged?.client?.attachment.receive(queue) ?? queue.length <= MAX_OPENING_BYTES;
      socket.uncork();
      if (!isProper) socket.destroy();
      else if (plugged?.device.hasLeft === true) socket.destroySoon();
      // Whoever does not read his answers has no more questions read.
      else if (socket.writableNeedDrain) socket.pause();
    });
  }

  /** What comes before an import. @returns what was imported */
  #open(socket: Socket, queue: ByteQueue): Plugged | undefined {
    const head = queue.peek(OPERATION_BYTES);
    if (head === undefined) return undefined;
    const operation = decodeOperation(head);
    if (isKnownVersion(operation) && operation.code === OPERATION.devlist) {
      socket.end(operationReply(operation.code, OPERATION_STATUS.ok, ...this.#list()));
      return undefined;
    }
    if (!isKnownVersion(operation) || operation.code !== OPERATION.import) {
      socket.destroy();
      return undefined;
    }
    const request = queue.peek(OPERATION_BYTES + BUS_ID_BYTES);
    if (request === undefined) return undefined;
    const busId = decodeBusId(request.subarray(OPERATION_BYTES));
    queue.skip(OPERATION_BYTES + BUS_ID_BYTES);
    return this.#import(socket, busId);
  }

  #list(): Uint8Array[] {
    const exported = this.#ports.flatMap((plugged, index) => (plugged ? [exportOf(plugged, index)] : []));
    const count = new DataView(new ArrayBuffer(4));
    count.setUint32(0, exported.length);
    return [
      new Uint8Array(count.buffer),
      ...exported.flatMap((device) => [deviceRecord(device), interfaceRecords(device)]),
    ];
  }

  #import(socket: Socket, busId: string): Plugged | undefined {
    const index = this.#ports.findIndex((_, at) => busIdOf(at) === busId);
    const plugged = this.#ports[index];
    if (plugged === undefined || plugged.client !== undefined) {
      const status = plugged === undefined ? OPERATION_STATUS.noDevice : OPERATION_STATUS.busy;
      socket.end(operationReply(OPERATION.import, status));
      return undefined;
    }
    this.#waitingRoom.leave(socket);
    const { device, onTransfer } = plugged;
    const attachment = new Attachment({ device, onTransfer, write: (bytes) => void socket.write(bytes) });
    plugged.client = { socket, attachment };
    const record = deviceRecord(exportOf(plugged, index));
    socket.write(operationReply(OPERATION.import, OPERATION_STATUS.ok, record));
    return plugged;
  }
}

/** The client is gone: to the board, its cable is pulled. */
function release(plugged: Plugged): void {
  plugged.client = undefined;
  plugged.device.unplug();
  plugged.onTransfer();
}

function exportOf({ device }: Plugged, index: number): ExportedDevice {
  return {
    busId: busIdOf(index),
    busNumber: BUS_NUMBER,
    deviceNumber: index + 2,
    device: device.descriptors.device,
    configuration: device.descriptors.configuration,
    configurationValue: device.configuration,
  };
}

function busIdOf(index: number): string {
  return `${BUS_NUMBER}-${index + 1}`;
}
