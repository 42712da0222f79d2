/**
 * What USB costs on our side: a DFU download over loopback USB/IP, both ends in this process, against bare TCP. The
 * programmer of FPGA boards comes after it.
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { DfuClient } from '../../../device/dfu/dfu-client.js';
import { openDfu } from '../../../device/dfu/dfu-device.js';
import { UsbipHost } from '../../../device/usb/usbip/usbip-host.js';
import { Board } from '../../../firmware-host/firmware/board.js';
import { BoardProgram } from '../../../firmware-host/board-program.js';
import { memoryStore } from '../../../firmware-host/firmware/flash/flash-store.js';
import { NorFlash } from '../../../firmware-host/firmware/flash/nor-flash.js';
import { usbIpPlug } from '../../../firmware-host/virtual/usbip/usbip-plug.js';
import { UsbIpServer } from '../../../firmware-host/virtual/usbip/usbip-server.js';
import { openChecked } from '../../../model/check-image.js';
import { MODEL_LIMITS } from '../../../protocol/image/model-shape.js';
import type { CommandContext } from '../../command.js';
import { median, type BenchInput } from './input.js';
import { benchProgrammer } from './programmer.js';
import { megabytes } from '../image-facts.js';
import { imageOrShipped } from '../shipped.js';

const SECTOR_BYTES = 4096;
const BLOCK_BYTES = 4096;
const ROUNDS = 9;
/** Rounds that come first and are not counted: the machine code is made meanwhile. */
const WARM_UP_ROUNDS = 3;

/** Bytes of a message and of its answer, as USB/IP has them around a block and a status. */
const BLOCK = { asked: 48 + BLOCK_BYTES, answered: 48 };
const STATUS = { asked: 48, answered: 48 + 6 };

export async function benchUsb(input: BenchInput, { output, signal }: CommandContext): Promise<void> {
  const image = await openChecked(imageOrShipped(input.image, output));
  try {
    const content = new Uint8Array(image.view.fileLength);
    image.source.readInto(0, content);
    const figures = { copy: [] as number[], exchange: [] as number[], download: [] as number[] };
    for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
      signal.throwIfAborted();
      // In turn, so that a slow moment of the machine meets all of them.
      const copy = await overTcp([BLOCK], async (socket) => await copyRate(socket, content.length));
      const exchange = await overTcp([BLOCK, STATUS], async (socket) => await exchangeRate(socket, content.length));
      const download = await downloadRate(content);
      if (round < WARM_UP_ROUNDS) continue;
      figures.copy.push(copy);
      figures.exchange.push(exchange);
      figures.download.push(download);
    }
    const [copy, exchange, download] = [median(figures.copy), median(figures.exchange), median(figures.download)];
    const microseconds = (rate: number): string => ((1e6 * BLOCK_BYTES) / rate).toFixed(0);
    const rest = (1e6 * BLOCK_BYTES) / download - (1e6 * BLOCK_BYTES) / exchange;
    output.print(
      [
        `usb, DFU download of ${megabytes(content.length)} in blocks of ${BLOCK_BYTES} bytes over loopback USB/IP, both ends in this process, median of ${ROUNDS}`,
        `  bare TCP, one way            ${megabytes(copy)}/s`,
        `  bare TCP, asked and answered ${megabytes(exchange)}/s: ${microseconds(exchange)} µs a block, two exchanges each, as DFU has it`,
        `  DFU download                 ${megabytes(download)}/s: ${microseconds(download)} µs a block`,
        `  the rest, ${rest.toFixed(0)} µs a block, is USB/IP, DFU and the board, which writes its flash and reads it back`,
        '',
      ].join('\n'),
    );
    output.result({
      copy_bytes_per_second: copy,
      exchange_bytes_per_second: exchange,
      download_bytes_per_second: download,
      rest_microseconds_per_block: rest,
    });
    await benchProgrammer(content, output, signal);
  } finally {
    image.close();
  }
}

/** From the first block to the end of the last but one: the last one brings on the check of the whole image. */
async function downloadRate(content: Uint8Array<ArrayBuffer>): Promise<number> {
  return await onUsbBoard(content.length, async (client) => {
    const end = content.length - (content.length % BLOCK_BYTES) - BLOCK_BYTES;
    const startMs = performance.now();
    for (let at = 0; at < end; at += BLOCK_BYTES) {
      await client.download(at / BLOCK_BYTES, content.subarray(at, at + BLOCK_BYTES), 'a block is written');
    }
    const rate = (1000 * end) / (performance.now() - startMs);
    await client.abort();
    return rate;
  });
}

/** Lets `work` use a board of this process, over USB/IP. */
async function onUsbBoard<T>(imageBytes: number, work: (client: DfuClient) => Promise<T>): Promise<T> {
  const identity = { board: 'bench', serial: 'BENCH', firmware: '0' };
  const slotSectors = Math.ceil(imageBytes / SECTOR_BYTES) + 1;
  const flash = new NorFlash(memoryStore(SECTOR_BYTES * (2 + 2 * slotSectors)), SECTOR_BYTES);
  const now = (): number => performance.now();
  const policy = { limits: MODEL_LIMITS, minimumRevision: 0 };
  const program = new BoardProgram({
    start: () => new Board({ identity, flash, slots: 2, policy, bootNonce: 1, now }),
    onCrash: (error) => {
      throw error;
    },
  });
  const server = await UsbIpServer.open('127.0.0.1', 0);
  const host = new UsbipHost('127.0.0.1', server.address.port);
  try {
    const usb = { identity, sectorBytes: SECTOR_BYTES, mode: 'always', now } as const;
    const wires = { onWire: () => {}, onTransfer: () => program.poll() };
    program.attach(usbIpPlug({ port: server.addPort(), ...usb, ...wires }));
    const { client } = await openDfu(host, await host.find(undefined, ['usb']), undefined, { setting: 'weights' });
    const result = await work(client);
    await client.connection.close();
    return result;
  } finally {
    await host.close();
    program.stop();
    server.close();
  }
}

/**
 * Lets `work` use a connection to a server of this process that answers as a board does, without doing anything else.
 *
 * @param exchanges that follow one another, again and again
 */
async function overTcp(
  exchanges: readonly (typeof BLOCK)[],
  work: (socket: Socket) => Promise<number>,
): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    let [pending, turn] = [0, 0];
    socket.on('data', (bytes) => {
      pending += bytes.length;
      for (let next = exchanges[turn]; next !== undefined && pending >= next.asked; next = exchanges[turn]) {
        pending -= next.asked;
        turn = (turn + 1) % exchanges.length;
        socket.write(Buffer.alloc(next.answered));
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
  try {
    await once(socket, 'connect');
    return await work(socket);
  } finally {
    socket.destroy();
    server.close();
  }
}

/** Bytes per second without waiting for answers in between. */
async function copyRate(socket: Socket, length: number): Promise<number> {
  const blocks = Math.floor(length / BLOCK_BYTES);
  const startMs = performance.now();
  for (let sent = 0; sent < blocks; sent++) socket.write(Buffer.alloc(BLOCK.asked));
  await received(socket, blocks * BLOCK.answered);
  return (1000 * blocks * BLOCK_BYTES) / (performance.now() - startMs);
}

/** Bytes per second with each block answered, and a status asked for, before the next one. */
async function exchangeRate(socket: Socket, length: number): Promise<number> {
  const blocks = Math.floor(length / BLOCK_BYTES);
  const startMs = performance.now();
  for (let sent = 0; sent < blocks; sent++) {
    for (const { asked, answered } of [BLOCK, STATUS]) {
      socket.write(Buffer.alloc(asked));
      await received(socket, answered);
    }
  }
  return (1000 * blocks * BLOCK_BYTES) / (performance.now() - startMs);
}

async function received(socket: Socket, length: number): Promise<void> {
  let count = 0;
  await new Promise<void>((resolve) => {
    const onData = (bytes: Buffer): void => {
      count += bytes.length;
      if (count < length) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData);
  });
}
