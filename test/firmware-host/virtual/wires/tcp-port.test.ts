import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { openTcpPort } from '../../../../firmware-host/virtual/wires/tcp-port.js';
import type { TcpPort } from '../../../../firmware-host/virtual/wires/tcp-port.js';
import type { Wire } from '../../../../firmware-host/virtual/wires/wire.js';
import type { WaitingRoomOptions } from '../../../../firmware-host/virtual/waiting-room.js';
import { encodeFrame } from '../../../../protocol/wire/frame.js';
import { synPayload } from '../../../../protocol/wire/opening.js';
import { frameOf, joined } from '../../../helpers/frames.js';

/** What a host says first. */
const SYN = encodeFrame(frameOf({ kind: 'syn', payload: synPayload(1) }), false);
const ALL_BYTES = Uint8Array.from({ length: 256 * 1024 }, (_, index) => (index * 7) & 255);

const toClose: (() => void)[] = [];

afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

/** Wires in the order in which they come. */
interface OpenedPort extends TcpPort {
  readonly nextWire: () => Promise<Wire>;
}

async function open(options: WaitingRoomOptions = {}): Promise<OpenedPort> {
  const wires: Wire[] = [];
  const waiting: ((wire: Wire) => void)[] = [];
  const port = await openTcpPort(
    '127.0.0.1',
    0,
    (wire) => {
      toClose.push(() => wire.close());
      const next = waiting.shift();
      if (next === undefined) wires.push(wire);
      else next(wire);
    },
    options,
  );
  toClose.push(() => port.close());
  const nextWire = async (): Promise<Wire> => wires.shift() ?? (await new Promise((resolve) => waiting.push(resolve)));
  return { ...port, nextWire };
}

/** A connection on which nothing is said. */
function dialSilently({ host, port }: TcpPort): Socket {
  const socket = connect({ host, port });
  socket.on('error', () => {});
  toClose.push(() => socket.destroy());
  return socket;
}

/** A host, which says so. */
function dial(port: TcpPort): Socket {
  const socket = dialSilently(port);
  socket.write(SYN);
  return socket;
}

/** The first `length` bytes that a stream brings. */
async function received(socket: Socket, length: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let count = 0;
  for await (const piece of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    pieces.push(piece);
    count += piece.length;
    if (count >= length) break;
  }
  return Buffer.concat(pieces);
}

describe('a network port', () => {
  it('takes a free number for 0, and says which', async () => {
    const { host, port } = await open();
    expect([host, port > 0]).toEqual(['127.0.0.1', true]);
  });

  it('carries every byte as it is, both ways', async () => {
    const port = await open();
    const socket = dial(port);
    const wire = await port.nextWire();
    wire.start({ onData: (bytes) => wire.write(bytes.slice()), onReady: () => {}, onGone: () => {} });
    socket.write(ALL_BYTES);
    const all = joined([SYN, ALL_BYTES]);
    expect((await received(socket, all.length)).equals(all)).toBe(true);
  });

  it('has a wire for each host, whose bytes do not mix', async () => {
    const port = await open();
    const hosts: Socket[] = [];
    for (const name of ['first', 'second']) {
      hosts.push(dial(port));
      const wire = await port.nextWire();
      wire.start({ onData: () => {}, onReady: () => {}, onGone: () => {} });
      wire.write(Buffer.from(name));
    }
    const [first, second] = hosts as [Socket, Socket];
    expect(String(await received(first, 5))).toBe('first');
    expect(String(await received(second, 6))).toBe('second');
  });

  it.each<[string, (socket: Socket) => void]>([
    ['goes', (socket) => socket.end()],
    ['is killed', (socket) => socket.resetAndDestroy()],
  ])('is told when a host %s, once', async (_, leave) => {
    const port = await open();
    const socket = dial(port);
    const wire = await port.nextWire();
    let gone = 0;
    const told = new Promise<void>((resolve) => {
      wire.start({ onData: () => {}, onReady: () => {}, onGone: () => resolve(void gone++) });
    });
    await (socket.readyState === 'open' ? undefined : once(socket, 'connect'));
    leave(socket);
    await told;
    // What is written afterwards is lost, and ends nothing.
    wire.write(ALL_BYTES);
    wire.close();
    expect(gone).toBe(1);
  });

  it('takes its hosts away with a wire that is closed', async () => {
    const port = await open();
    const socket = dial(port);
    const wire = await port.nextWire();
    wire.start({ onData: () => {}, onReady: () => {}, onGone: () => {} });
    socket.resume();
    wire.close();
    await once(socket, 'close');
    expect(socket.destroyed).toBe(true);
  });

  it('says when it takes no more, keeps what is written all the same, and says when it is ready again', async () => {
    const port = await open();
    const socket = dial(port);
    const wire = await port.nextWire();
    const ready = new Promise<void>((resolve) => {
      wire.start({ onData: () => {}, onReady: resolve, onGone: () => {} });
    });
    let written = 0;
    // Nobody reads: the buffers of the system fill up.
    for (; wire.isReady; written += ALL_BYTES.length) wire.write(ALL_BYTES);
    wire.write(ALL_BYTES);
    written += ALL_BYTES.length;
    const [bytes] = await Promise.all([received(socket, written), ready]);
    expect([bytes.length, wire.isReady]).toEqual([written, true]);
  });

  it('has no wire for a connection on which something else comes first, and closes it at once', async () => {
    const port = await open();
    const stranger = dialSilently(port).resume();
    stranger.write(joined([new TextEncoder().encode('POST / HTTP/1.1\r\n\r\n'), Uint8Array.of(0), SYN]));
    await once(stranger, 'close');
    dial(port);
    let heard = 0;
    (await port.nextWire()).start({ onData: ({ length }) => (heard += length), onReady: () => {}, onGone: () => {} });
    expect(heard).toBe(SYN.length);
  });

  it('takes the first frame in any pieces', async () => {
    const port = await open();
    const socket = dialSilently(port);
    socket.setNoDelay(true);
    for (const byte of SYN) {
      socket.write(Uint8Array.of(byte));
      await setImmediate();
    }
    const pieces: Uint8Array[] = [];
    const wire = await port.nextWire();
    wire.start({ onData: (bytes) => pieces.push(bytes.slice()), onReady: () => {}, onGone: () => {} });
    expect(Buffer.concat(pieces).equals(SYN)).toBe(true);
  });

  it('closes idle connections when their time is over, before and after a session, and not during one', async () => {
    const port = await open({ deadlineMs: 50 });
    const silent = dialSilently(port).resume();
    await once(silent, 'close');
    const host = dial(port).resume();
    const wire = await port.nextWire();
    wire.setServed?.(true);
    const gone = new Promise<void>((resolve) => {
      wire.start({ onData: () => {}, onReady: () => {}, onGone: resolve });
    });
    await once(dialSilently(port).resume(), 'close');
    expect(host.destroyed).toBe(false);
    wire.setServed?.(false);
    await gone;
  });

  it('has a place for a host, however many connections are idle', async () => {
    const port = await open();
    const idle = Array.from({ length: 200 }, () => dialSilently(port).resume());
    const gone = Promise.all(idle.slice(0, 150).map(async (socket) => await once(socket, 'close')));
    dial(port);
    await Promise.all([port.nextWire(), gone]);
    expect(idle.slice(-8).every(({ destroyed }) => !destroyed)).toBe(true);
  });

  it('is free for the next board when it is closed', async () => {
    const first = await open();
    first.close();
    const second = await openTcpPort('127.0.0.1', first.port, () => {});
    expect(second.port).toBe(first.port);
    second.close();
  });

  it('that is taken is an error of the system', async () => {
    const { port } = await open();
    await expect(openTcpPort('127.0.0.1', port, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
