/** Our USB/IP client against the board's USB/IP server, and against servers that say anything. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { UsbConnection } from '../../../../device/usb/usb-connection.js';
import { UsbipHost } from '../../../../device/usb/usbip/usbip-host.js';
import { startBoard } from '../../../helpers/command-line.js';
import type { RunningBoard } from '../../../helpers/command-line.js';
import { boardErrorOf } from '../../../helpers/fake-usb.js';

const running: { stop: () => unknown }[] = [];

afterEach(async () => {
  for (const thing of running.splice(0)) await thing.stop();
});

async function start(...options: string[]): Promise<{ board: RunningBoard; host: UsbipHost }> {
  const board = await startBoard('--usbip', '127.0.0.1:0', '--serial-number', 'U-1', ...options);
  running.push(board);
  const [, port] = /^usbip:127\.0\.0\.1:(\d+)\/1-1$/.exec(board.selector) ?? [];
  return { board, host: new UsbipHost('127.0.0.1', Number(port)) };
}

/** A server that does with each connection what the test wants. */
async function serve(onConnection: (socket: Socket) => void): Promise<UsbipHost> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  running.push({
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return new UsbipHost('127.0.0.1', (server.address() as AddressInfo).port);
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const u32 = (value: number): Buffer => hex(value.toString(16).padStart(8, '0'));
const i32 = (value: number): Buffer => u32(value >>> 0);
const DEVICE = hex('12 01 0002 00 00 00 40 0912 0100 0001 01 02 03 01');

/**
 * A device record: path, bus id `1-1`, bus 1, device 2, high speed, 1209:0001, release 1.00, configuration 1 of 1, an
 * interface.
 */
const RECORD = Buffer.concat([
  Buffer.alloc(256),
  Buffer.concat([Buffer.from('1-1'), Buffer.alloc(29)]),
  hex('00000001 00000002 00000003 1209 0001 0100 ef 02 01 01 01 01'),
]);
const INFO = {
  path: '1-1',
  vendor: 0x1209,
  product: 1,
  release: 0x100,
  serial: '',
  name: '',
  interfaces: [],
  address: 2,
};

describe('a USB/IP server', () => {
  it('lists its boards, whose descriptors are read over it', async () => {
    const { host } = await start();
    const [info, ...others] = await host.list();
    expect(others).toEqual([]);
    expect(info).toMatchObject({ path: '1-1', vendor: 0x1209, product: 1 });
    expect(info?.interfaces.map((descriptor) => descriptor.class)).toEqual([2, 10, 0xfe]);
    const connection = await UsbConnection.open(host, info!);
    const { productIndex, serialIndex } = await connection.deviceDescriptor();
    expect([await connection.string(productIndex), await connection.string(serialIndex)]).toEqual([
      'mmfree board (virtual)',
      'U-1',
    ]);
    expect((await connection.configurations())[0]?.interfaces).toHaveLength(4);
    await connection.close();
  });

  it('gives a board to one at a time, and to the next when it was closed', async () => {
    const { host } = await start();
    const [info] = await host.list();
    for (let times = 0; times < 3; times++) {
      const connection = await UsbConnection.open(host, info!);
      expect((await boardErrorOf(UsbConnection.open(host, info!))).code).toBe('board-busy');
      await connection.close();
    }
  });

  it('has no board of another name', async () => {
    const { host } = await start();
    expect((await boardErrorOf(host.find('9-9', []))).code).toBe('board-not-found');
    expect((await boardErrorOf(host.device({ ...INFO, path: '9-9' }))).code).toBe('board-not-found');
  });

  it('that goes away takes the board with it', async () => {
    const { board, host } = await start();
    const connection = await UsbConnection.open(host, (await host.list())[0]!);
    await board.stop();
    expect((await boardErrorOf(connection.deviceDescriptor())).code).toBe('board-lost');
    expect((await boardErrorOf(host.list())).code).toBe('board-not-found');
    await connection.close();
  });
});

describe('a server that', () => {
  it.each<[string, Buffer, string]>([
    ['says nothing and hangs up', Buffer.alloc(0), 'board-not-found'],
    ['is no USB/IP server', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'board-broken'],
    ['speaks another version', hex('0106 0005 00000000 00000000'), 'board-broken'],
    ['has four billion devices', hex('0111 0005 00000000 ffffffff'), 'board-broken'],
    [
      'breaks off in the middle of a list',
      Buffer.concat([hex('0111 0005 00000000 00000002'), RECORD]),
      'board-not-found',
    ],
  ])('%s is none', async (_, answer, code) => {
    const host = await serve((socket) => socket.once('data', () => socket.end(answer)));
    expect((await boardErrorOf(host.list())).code).toBe(code);
  });

  it.each<[string, Buffer, string]>([
    ['refuses', hex('0111 0003 00000001'), 'board-not-found'],
    ['says that it is taken', hex('0111 0003 00000002'), 'board-busy'],
    ['breaks off', hex('0111 0003 00000000 00'), 'board-not-found'],
    ['answers a list', hex('0111 0005 00000000'), 'board-broken'],
  ])('%s when it is to give a device', async (_, answer, code) => {
    const host = await serve((socket) => socket.once('data', () => socket.end(answer)));
    expect((await boardErrorOf(host.device(INFO))).code).toBe(code);
  });

  it.each<[string, (sequence: Buffer) => Buffer, string]>([
    ['with another command', (seq) => Buffer.concat([hex('00000004'), seq, Buffer.alloc(40)]), 'board-broken'],
    ['that nobody asked', () => Buffer.concat([hex('00000003 00009999'), Buffer.alloc(40)]), 'board-broken'],
    [
      'with more than was asked for',
      (seq) => Buffer.concat([hex('00000003'), seq, Buffer.alloc(12), hex('00000000 7fffffff'), Buffer.alloc(20)]),
      'board-broken',
    ],
    [
      'with an error',
      (seq) => Buffer.concat([hex('00000003'), seq, Buffer.alloc(12), hex('ffffff8d 00000000'), Buffer.alloc(20)]),
      'board-lost',
    ],
  ])('answers a transfer %s', async (_, answer, code) => {
    const host = await serve((socket) => {
      socket.once('data', () => {
        socket.write(Buffer.concat([hex('0111 0003 00000000'), RECORD]));
        socket.on('data', (bytes) => socket.write(answer(bytes.subarray(4, 8))));
      });
    });
    const error = await boardErrorOf(UsbConnection.open(host, INFO));
    expect(error.code).toBe(code);
  });

  it.each([
    ['never', 0],
    ['when it is taken back', -104],
    ['and its answer crosses the one who takes it back', 0],
  ])('does not answer a transfer, or %s, is told, and answers the next', async (how, status) => {
    const told: string[] = [];
    const submitted = (sequence: Buffer, bytes: Buffer): Buffer =>
      Buffer.concat([
        hex('00000003'),
        sequence,
        Buffer.alloc(12),
        hex('00000000'),
        u32(bytes.length),
        Buffer.alloc(20),
        bytes,
      ]);
    const host = await serve((socket) => {
      let received = Buffer.alloc(0);
      const commands = (bytes: Buffer): void => {
        received = Buffer.concat([received, bytes]);
        for (; received.length >= 48; received = received.subarray(48)) {
          const [command, sequence] = [received.readUInt32BE(0), received.subarray(4, 8)];
          if (command === 2) {
            told.push(`unlink ${received.readUInt32BE(20)}`);
            if (how.startsWith('and'))
              socket.write(submitted(u32(received.readUInt32BE(20)), Buffer.from([4, 3, 65, 0])));
            if (how !== 'never')
              socket.write(Buffer.concat([hex('00000004'), sequence, Buffer.alloc(12), i32(status), Buffer.alloc(24)]));
            continue;
          }
          const setup = received.subarray(40, 48).toString('hex');
          told.push(`submit ${sequence.readUInt32BE(0)}`);
          // GET_CONFIGURATION has an answer, the string has none, the device descriptor has one.
          if (setup.startsWith('8008')) socket.write(submitted(sequence, Buffer.from([1])));
          if (setup.startsWith('80060001')) socket.write(submitted(sequence, DEVICE));
        }
      };
      socket.once('data', () => {
        socket.write(Buffer.concat([hex('0111 0003 00000000'), RECORD]));
        socket.on('data', commands);
      });
    });
    const connection = await UsbConnection.open(host, INFO);
    expect(await connection.string(3)).toBe('');
    expect((await connection.deviceDescriptor()).vendor).toBe(0x1209);
    expect(told).toEqual(['submit 1', 'submit 2', 'unlink 2', 'submit 4']);
    await connection.close();
  });

  it('is not there says so', async () => {
    const error = await boardErrorOf(new UsbipHost('127.0.0.1', 1).list());
    expect([error.code, error.facts?.['variant']]).toEqual(['board-not-found', 'no-usbip-server']);
  });
});
