import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Board } from '../../../../firmware-host/firmware/board.js';
import { BoardProgram } from '../../../../firmware-host/board-program.js';
import { memoryStore } from '../../../../firmware-host/firmware/flash/flash-store.js';
import { NorFlash } from '../../../../firmware-host/firmware/flash/nor-flash.js';
import type { PowerCut } from '../../../../firmware-host/firmware/flash/power-cut.js';
import { installImage } from '../../../../firmware-host/firmware/install-image.js';
import type { DfuMode } from '../../../../firmware-host/firmware/usb/dfu.js';
import { usbIpPlug } from '../../../../firmware-host/virtual/usbip/usbip-plug.js';
import { UsbIpServer } from '../../../../firmware-host/virtual/usbip/usbip-server.js';
import { memorySource } from '../../../../protocol/byte-source.js';
import { MODEL_LIMITS } from '../../../../protocol/image/model-shape.js';
import { encodeFrame } from '../../../../protocol/wire/frame.js';
import { FrameReader } from '../../../../protocol/wire/frame-reader.js';
import { synPayload } from '../../../../protocol/wire/opening.js';
import { hashOf } from '../../../helpers/board-on-usb.js';
import { frameOf } from '../../../helpers/frames.js';
import { goodImage } from '../../../helpers/good-image.js';
import { hasProgram } from '../../../helpers/system.js';
import { UsbIpClient } from '../../../helpers/usbip-client.js';
import { Prng } from '../../../oracle/prng.js';

const SECTOR_BYTES = 4096;
const IMAGE = goodImage(1);
const OTHER = goodImage(2);
const PACKETS = 10_000;
/** Of what comes by itself, on a computer with other things to do. */
const PATIENT = { timeout: 15_000 };

const toClose: (() => void)[] = [];

afterEach(() => {
  for (const close of toClose.splice(0).toReversed()) close();
});

interface Served {
  readonly port: number;
  readonly server: UsbIpServer;
  readonly bits: Uint8Array;
  readonly programs: readonly BoardProgram[];
  /** Of board 1-1. */
  readonly running: () => string;
}

interface ServeOptions {
  readonly boards?: number;
  readonly mode?: DfuMode;
  readonly cut?: PowerCut;
  readonly onPower?: (isOn: boolean) => void;
  readonly deadlineMs?: number;
}

/** A server with boards at its ports. */
async function serve({ boards = 1, mode = 'always', cut, onPower, deadlineMs }: ServeOptions = {}): Promise<Served> {
  const server = await UsbIpServer.open('127.0.0.1', 0, { deadlineMs });
  toClose.push(() => server.close());
  const all = Array.from({ length: boards }, (_, index) => {
    const identity = { board: 'test', serial: `T-${index + 1}`, firmware: '0' };
    const bits = new Uint8Array(26 * SECTOR_BYTES).fill(0xff);
    installImage(new NorFlash(memoryStore(bits), SECTOR_BYTES), 2, memorySource(IMAGE));
    let starts = 0;
    const program = new BoardProgram({
      start: () => {
        const flash = new NorFlash(memoryStore(bits), SECTOR_BYTES);
        if (starts++ === 0 && cut !== undefined) flash.cutPower(cut);
        const policy = { limits: MODEL_LIMITS, minimumRevision: 0 };
        return new Board({ identity, flash, slots: 2, policy, bootNonce: starts, now: () => performance.now() });
      },
      ...(onPower && { onPower }),
      onCrash: (error) => {
        throw error;
      },
    });
    const now = (): number => performance.now();
    const onWire = program.connect.bind(program);
    const onTransfer = program.poll.bind(program);
    const port = server.addPort();
    program.attach(usbIpPlug({ port, identity, mode, sectorBytes: SECTOR_BYTES, now, onWire, onTransfer }));
    toClose.push(() => program.stop());
    return { program, bits };
  });
  const programs = all.map(({ program }) => program);
  return {
    port: server.address.port,
    server,
    bits: all[0]?.bits ?? new Uint8Array(0),
    programs,
    running: () => {
      const source = programs[0]?.board?.images.running?.source;
      return source === undefined ? '' : hashOf(source.read(0, source.length));
    },
  };
}

/** SET_CONFIGURATION 1. */
async function configured(port: number, busId = '1-1'): Promise<UsbIpClient> {
  const client = await UsbIpClient.imported(port, busId);
  expect(await client.control(0x00, 9, { value: 1 })).toMatchObject({ status: 0 });
  return client;
}

/** GETSTATUS until the board is not busy: status and state. */
async function settled(client: UsbIpClient, index: number): Promise<number[]> {
  for (;;) {
    const { data } = await client.control(0xa1, 3, { index, length: 6 });
    const [status = -1, pollMs = 0, , , state = -1] = data;
    if (state !== 4 && state !== 7) return [status, state];
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function download(client: UsbIpClient, image: Uint8Array, index = 2): Promise<number[]> {
  for (let at = 0; at <= image.length; at += 4096) {
    const data = image.subarray(at, at + 4096);
    await client.control(0x21, 1, { index, value: at / 4096, data });
    const status = await settled(client, index);
    if (status[1] !== 5) return status;
  }
  await client.control(0x21, 1, { index, value: Math.ceil(image.length / 4096) });
  return await settled(client, index);
}

describe('a USB/IP server', () => {
  it('lists its boards', async () => {
    const { port } = await serve({ boards: 2 });
    const client = await UsbIpClient.connect(port);
    client.socket.write(Buffer.from('0111800500000000', 'hex'));
    const head = await client.read(12);
    expect(head.toString('hex')).toBe('011100050000000000000002');
    for (const busId of ['1-1', '1-2']) {
      const record = await client.read(312 + 3 * 4);
      expect(record.toString('latin1', 256, 288).replaceAll('\0', '')).toBe(busId);
      // High speed, ids, version, class, configuration, 1 configuration, 3 interfaces.
      expect(record.toString('hex', 296, 312)).toBe('00000003120900010100ef0201000103');
      expect(record.toString('hex', 312)).toBe('020200000a000000fe010200');
    }
    await client.closed;
  });

  it.skipIf(!hasProgram('usbip'))('is understood by the stock client', async () => {
    const { port } = await serve({ boards: 2 });
    // Not synchronously: the server is in this process.
    const args = ['--tcp-port', String(port), 'list', '-r', '127.0.0.1'];
    const { stdout: text } = await promisify(execFile)('usbip', args);
    expect(text).toMatch(/1-1: .*\(1209:0001\)/);
    expect(text).toMatch(/1-2: .*\(1209:0001\)/);
    expect(text).toMatch(/2 - .*\(fe\/01\/02\)/);
  });

  it('gives a board to one client at a time, and to the next when that is gone', async () => {
    const { port } = await serve();
    const first = await UsbIpClient.imported(port);
    expect((await (await UsbIpClient.connect(port)).import('1-1')).status).toBe(2);
    expect((await (await UsbIpClient.connect(port)).import('1-2')).status).toBe(4);
    expect((await (await UsbIpClient.connect(port)).import('x'.repeat(32))).status).toBe(4);
    first.socket.destroy();
    await first.closed;
    await expect.poll(async () => (await (await UsbIpClient.connect(port)).import('1-1')).status, PATIENT).toBe(0);
  });

  it('flashes the board that is meant', async () => {
    const { port, programs } = await serve({ boards: 2 });
    const client = await configured(port, '1-2');
    expect(await download(client, OTHER)).toEqual([0, 2]);
    const images = programs.map(({ board }) => board?.images.running?.source);
    expect(images.map((source) => source && hashOf(source.read(0, source.length)))).toEqual([
      hashOf(IMAGE),
      hashOf(OTHER),
    ]);
  });

  it('carries the frames of a serial port, as many bytes as are asked for', async () => {
    const { port } = await serve();
    const client = await configured(port);
    const reader = new FrameReader();
    const kinds: string[] = [];
    const syn = encodeFrame(frameOf({ kind: 'syn', window: 32, payload: synPayload(7) }), true);
    const sent = await client.submit(2, false, { data: syn }).reply;
    expect([sent.status, sent.actualLength]).toEqual([0, syn.length]);
    while (!kinds.includes('data')) {
      const { data } = await client.submit(2, true, { length: 16 }).reply;
      expect(data.length).toBeLessThanOrEqual(16);
      for (const event of reader.feed(data)) if (event.kind === 'frame') kinds.push(event.frame.kind);
    }
    expect(kinds).toEqual(['syn-ack', 'data']);
  });

  it('answers an unlink once: -104 for what waited, 0 for what was answered', async () => {
    const { port } = await serve();
    const client = await configured(port);
    const waiting = client.submit(1, true, { length: 16 });
    const answered = await client.control(0x80, 8, { length: 1 });
    expect(answered.data).toEqual(Buffer.of(1));
    expect(await client.unlink(waiting.sequence)).toMatchObject({ command: 4, status: -104 });
    expect(await client.unlink(waiting.sequence)).toMatchObject({ command: 4, status: 0 });
    // Nothing else has come: the client fails at a reply that nobody waits for.
    expect((await client.control(0x80, 8, { length: 1 })).status).toBe(0);
  });

  it('stalls with -32', async () => {
    const { port } = await serve();
    const client = await configured(port);
    expect(await client.control(0x80, 6, { value: 0x900, length: 18 })).toMatchObject({ status: -32, actualLength: 0 });
    expect(await client.submit(5, true, { length: 16 }).reply).toMatchObject({ status: -32 });
    expect(await client.submit(5, false, { data: Uint8Array.of(1) }).reply).toMatchObject({ status: -32 });
  });

  it('closes the connection when its board is pulled out, and offers it again when it is back', async () => {
    const { port, programs } = await serve();
    const client = await configured(port);
    programs[0]?.stop();
    await client.closed;
    const list = await UsbIpClient.connect(port);
    list.socket.write(Buffer.from('0111800500000000', 'hex'));
    expect((await list.read(12)).readUInt32BE(8)).toBe(0);
  });

  it('loses a board that loses power in a download, and has it again with an image that runs', async () => {
    const power: boolean[] = [];
    const { port, running } = await serve({
      cut: { afterOperations: 30, at: 'random-bits', seed: 5 },
      onPower: (isOn) => power.push(isOn),
    });
    const client = await configured(port);
    await expect(download(client, OTHER)).rejects.toThrow('closed');
    await expect.poll(() => power, PATIENT).toEqual([false, true]);
    expect(running()).toBe(hashOf(IMAGE));
    const again = await configured(port);
    expect(await download(again, OTHER)).toEqual([0, 2]);
    expect(running()).toBe(hashOf(OTHER));
  });

  it('asks nothing of a board that has just lost power', async () => {
    const power: boolean[] = [];
    const { port, running } = await serve({
      cut: { afterOperations: 3, at: 'before', seed: 0 },
      onPower: (isOn) => power.push(isOn),
    });
    const client = await configured(port);
    // In one piece: the block at which the power goes, and what would read the flash behind it.
    client.socket.cork();
    const block = client.control(0x21, 1, { index: 2, data: OTHER.subarray(0, 4096) });
    const status = client.control(0xa1, 3, { index: 2, length: 6 });
    const abort = client.control(0x21, 6, { index: 2 });
    const upload = client.control(0xa1, 2, { index: 2, length: 64 });
    client.socket.uncork();
    const replies = await Promise.allSettled([block, status, abort, upload]);
    expect(replies.map((reply) => reply.status).slice(1)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect.poll(() => power, PATIENT).toEqual([false, true]);
    expect(running()).toBe(hashOf(IMAGE));
  });

  it('has a board that detached by itself in DFU mode, and in the runtime again when that was pulled', async () => {
    const { port, running } = await serve({ mode: 'will-detach' });
    const client = await configured(port);
    await client.control(0x21, 0, { index: 2, value: 1000 });
    await client.closed;
    const again = await configured(port);
    expect(await download(again, OTHER, 0)).toEqual([0, 8]);
    expect(running()).toBe(hashOf(OTHER));
    again.socket.destroy();
    await again.closed;
    const runtime = await configured(port);
    expect(await settled(runtime, 2)).toEqual([0, 0]);
  });

  it('takes the device descriptor that Linux reads first as the reset that the board waits for', async () => {
    const { port } = await serve({ mode: 'reset' });
    const client = await configured(port);
    const interfaces = async (): Promise<number | undefined> =>
      (await client.control(0x80, 6, { value: 0x200, length: 255 })).data[4];
    expect(await interfaces()).toBe(3);
    await client.control(0x21, 0, { index: 2, value: 1000 });
    expect(await interfaces()).toBe(3);
    await client.control(0x80, 6, { value: 0x100, length: 64 });
    expect(await interfaces()).toBe(1);
  });
});

describe('a hostile USB/IP client', () => {
  it.each([
    ['of another version', '0110800500000000'],
    ['with an unknown operation', '0111800900000000'],
    ['that speaks HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex')],
  ])('%s is cut off', async (_, bytes) => {
    const { port } = await serve();
    const client = await UsbIpClient.connect(port);
    client.socket.write(Buffer.from(bytes, 'hex'));
    expect(await client.closed).toBeUndefined();
  });

  /** A header of 48 bytes: fields 0 … 7 as big-endian words, and nothing more. */
  const header = (...words: number[]): Buffer => {
    const bytes = Buffer.alloc(48);
    words.forEach((word, index) => bytes.writeUInt32BE(word, 4 * index));
    return bytes;
  };

  it.each([
    ['announces 4 GiB', header(1, 1, 0, 0, 2, 0, 0xffff_ffff)],
    ['announces a byte more than 1 MiB', header(1, 1, 0, 0, 2, 0, 2 ** 20 + 1)],
    ['wants more than 1 MiB', header(1, 1, 0, 1, 2, 0, 2 ** 20 + 1)],
    ['sends isochronous packets', header(1, 1, 0, 0, 2, 0, 8, 0, 1)],
    ['names endpoint 16', header(1, 1, 0, 0, 16, 0, 8)],
    ['names a direction of its own', header(1, 1, 0, 2, 2, 0, 8)],
    ['sends a reply', header(3, 1, 0, 0, 2, 0, 8)],
    [
      'leaves 257 transfers waiting',
      Buffer.concat(Array.from({ length: 257 }, (_, index) => header(1, index, 0, 1, 1, 0, 8))),
    ],
  ])('that %s is cut off, and the board is there for the next', async (_, bytes) => {
    const { port } = await serve();
    const client = await configured(port);
    client.socket.write(bytes);
    await client.closed;
    const next = await configured(port);
    expect(await download(next, OTHER)).toEqual([0, 2]);
  });

  it('whose setup packet says something else than its transfer gets a STALL', async () => {
    const { port } = await serve();
    const client = await configured(port);
    const setup = Buffer.from('8006000100001200', 'hex');
    expect(await client.submit(0, false, { setup, data: new Uint8Array(18) }).reply).toMatchObject({ status: -32 });
    expect(await client.submit(0, true, { setup, length: 8 }).reply).toMatchObject({ status: -32 });
    const block = Buffer.from('2101000002001000', 'hex');
    expect(await client.submit(0, false, { setup: block, data: new Uint8Array(15) }).reply).toMatchObject({
      status: -32,
    });
    expect(await settled(client, 2)).toEqual([0, 2]);
  });

  it('that sends 10,000 random setup packets leaves the flash as it is', async () => {
    const { port, bits, running } = await serve();
    const before = hashOf(bits);
    const client = await configured(port);
    const random = new Prng(17);
    for (let packet = 0; packet < PACKETS; packet++) {
      const requestType =
        random.between(0, 2) === 0 ? random.next() & 255 : [0x21, 0xa1, 0x41, 0xc1, 0x80, 0x81][random.between(0, 5)]!;
      const part = { value: random.between(0, 3), index: random.between(0, 3) };
      const length = random.between(0, 64);
      const isIn = (requestType & 0x80) !== 0;
      const request = random.between(0, 3) === 0 ? random.next() & 255 : random.between(0, 11);
      const reply = await client.control(requestType, request, {
        ...part,
        ...(isIn ? { length } : { data: new Uint8Array(length) }),
      });
      if (![0, -32].includes(reply.status)) throw new Error(`status ${reply.status}`);
      // It may have taken the configuration away.
      if (packet % 50 === 0) await client.control(0x00, 9, { value: 1 });
    }
    expect(hashOf(bits)).toBe(before);
    expect(running()).toBe(hashOf(IMAGE));
    console.log(`hostile USB hosts over USB/IP: ${PACKETS.toLocaleString('en-US')} setup packets`);
  });

  it('that sends any bytes at any time crashes nothing', { timeout: 600_000 }, async () => {
    const { port, bits, running } = await serve();
    const before = hashOf(bits);
    const words = fc.array(fc.oneof(fc.constantFrom(0, 1, 2, 3, 8, 48, 0xffff_ffff), fc.nat()), { maxLength: 24 });
    await fc.assert(
      fc.asyncProperty(fc.boolean(), words, fc.uint8Array({ maxLength: 100 }), async (isImported, fields, rest) => {
        const client = await UsbIpClient.connect(port);
        if (isImported) await client.import('1-1');
        client.socket.removeAllListeners('data').resume();
        client.socket.end(Buffer.concat([Buffer.from(Uint32Array.from(fields).buffer).swap32(), rest]));
        await client.closed;
      }),
    );
    await expect.poll(async () => (await (await UsbIpClient.connect(port)).import('1-1')).status, PATIENT).toBe(0);
    expect([hashOf(bits), running()]).toEqual([before, hashOf(IMAGE)]);
  });
});

describe('connections that import nothing', () => {
  it('keep nobody out, however many they are', async () => {
    const { port } = await serve();
    const idle = await Promise.all(Array.from({ length: 200 }, async () => await UsbIpClient.connect(port)));
    const next = await configured(port);
    expect(await download(next, OTHER)).toEqual([0, 2]);
    await Promise.all(idle.slice(0, 150).map(async ({ closed }) => await closed));
    for (const { socket } of idle) socket.destroy();
  });

  it('are closed when their time is over, also if they say something now and then; an import stays', async () => {
    const { port, server } = await serve({ deadlineMs: 200 });
    const attached = await configured(port);
    const dripping = await UsbIpClient.connect(port);
    dripping.socket.write(Uint8Array.of(1));
    await dripping.closed;
    expect((await attached.control(0x80, 6, { value: 0x0100, length: 18 })).status).toBe(0);
    expect(server.address.port).toBe(port);
  });
});

it('a port that another program has is an error of the system', async () => {
  const { port } = await serve();
  await expect(UsbIpServer.open('127.0.0.1', port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
