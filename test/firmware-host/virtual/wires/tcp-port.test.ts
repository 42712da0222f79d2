import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { openTcpPort } from '../../../../firmware-host/virtual/wires/tcp-port.js';
import type { TcpPort } from '../../../../firmware-host/virtual/wires/tcp-port.js';
import type { Wire } from '../../../../firmware-host/virtual/wires/wire.js';

const ALL_BYTES = Uint8Array.from({ length: 256 * 1024 }, (_, index) => (index * 7) & 255);

const toClose: (() => void)[] = [];

afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

/** Wires in the order in which they come. */
interface OpenedPort extends TcpPort {
  readonly nextWire: () => Promise<Wire>;
}

async function open(): Promise<OpenedPort> {
  const wires: Wire[] = [];
  const waiting: ((wire: Wire) => void)[] = [];
  const port = await openTcpPort('127.0.0.1', 0, (wire) => {
    toClose.push(() => wire.close());
    const next = waiting.shift();
    if (next === undefined) wires.push(wire);
    else next(wire);
  });
  toClose.push(() => port.close());
  const nextWire = async (): Promise<Wire> => wires.shift() ?? (await new Promise((resolve) => waiting.push(resolve)));
  return { ...port, nextWire };
}

/** A host that is connected, or was turned away. */
function dial({ host, port }: TcpPort): Socket {
  const socket = connect({ host, port });
  socket.on('error', () => {});
  toClose.push(() => socket.destroy());
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
    expect((await received(socket, ALL_BYTES.length)).equals(ALL_BYTES)).toBe(true);
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

  it('turns away the ninth host, and serves again when one has gone', async () => {
    const port = await open();
    const sockets: Socket[] = [];
    const gone: Promise<void>[] = [];
    for (let host = 0; host < 8; host++) {
      sockets.push(dial(port));
      const wire = await port.nextWire();
      gone.push(new Promise((resolve) => wire.start({ onData: () => {}, onReady: () => {}, onGone: () => resolve() })));
    }
    const ninth = dial(port);
    ninth.resume();
    await once(ninth, 'close');
    sockets[3]?.destroy();
    await gone[3];
    dial(port);
    const wire = await port.nextWire();
    expect(wire.isReady).toBe(true);
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
