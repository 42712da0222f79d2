import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { BoardLink } from '../../../protocol/wire/board-link.js';
import { encodeFrame, MAX_WINDOW } from '../../../protocol/wire/frame.js';
import type { Frame } from '../../../protocol/wire/frame.js';
import { HostLink } from '../../../protocol/wire/host-link.js';
import type { LinkEvent } from '../../../protocol/wire/link.js';
import { busyPayload, synAckPayload, synPayload } from '../../../protocol/wire/opening.js';
import { anyDataFrame, bytes, frameOf, framesIn, ONE_OF_EACH_KIND, readAll } from '../../helpers/frames.js';
import { SimulatedLine, VirtualTime } from '../../helpers/simulated-line.js';

const text = (content: string): Uint8Array => new Uint8Array(Buffer.from(content, 'latin1'));
const NONCE = 0xfedcba98;

/** A link whose other end is the test. */
class Bench {
  nowMs = 0;
  room = 4;
  isReady = true;
  readonly events: LinkEvent[] = [];
  readonly host = new HostLink({ ...this.#options(), nonce: NONCE });
  readonly board = new BoardLink(this.#options());
  #written: Frame[] = [];

  #options(): ConstructorParameters<typeof BoardLink>[0] {
    return {
      now: () => this.nowMs,
      write: (line) => this.#written.push(...framesIn(readAll(line))),
      onEvent: (event) => this.events.push(event),
      isReady: () => this.isReady,
      room: () => this.room,
    };
  }

  /** Frames written since the last call. */
  written(): Frame[] {
    const frames = this.#written;
    this.#written = [];
    return frames;
  }

  openBoard(window = 8): BoardLink {
    this.board.receive(encodeFrame(frameOf({ kind: 'syn', window, payload: synPayload(NONCE) })));
    this.board.poll();
    this.written();
    this.events.length = 0;
    return this.board;
  }
}

const data = (sequence: number, fields: Partial<Frame> = {}): Uint8Array =>
  encodeFrame(frameOf({ kind: 'data', sequence, window: 8, payload: text(`m${sequence}`), ...fields }));
const ack = (acknowledge: number, fields: Partial<Frame> = {}): Uint8Array =>
  encodeFrame(frameOf({ kind: 'ack', acknowledge, window: 8, ...fields }));

describe('opening', () => {
  test('gives both ends the nonce, and the first message of the board', () => {
    const line = new SimulatedLine({ nonce: NONCE });
    line.board.onEvent = ({ kind }) => void (kind === 'opened' && line.board.link.send(0x80, text('hello')));
    line.open().time.pass(10);
    expect(line.board.events).toEqual([{ kind: 'opened', nonce: NONCE }]);
    expect(line.host.events).toEqual([
      { kind: 'opened', nonce: NONCE },
      { kind: 'message', type: 0x80, payload: text('hello') },
    ]);
  });

  test('asks every 200 ms, and gives up after 5 s', () => {
    const bench = new Bench();
    const times: number[] = [];
    while (bench.events.length === 0) {
      const waitMs = bench.host.poll();
      if (bench.written().some(({ kind }) => kind === 'syn')) times.push(bench.nowMs);
      if (bench.events.length === 0) bench.nowMs += waitMs;
    }
    expect(times).toEqual(Array.from({ length: 25 }, (_, index) => 200 * index));
    expect(bench.events).toEqual([{ kind: 'closed', reason: 'dead' }]);
    expect([bench.nowMs, bench.host.poll()]).toEqual([5000, Infinity]);
  });

  // The board may have opened the session; it used to be held for 5 s.
  test.each<[string, (bench: Bench) => void]>([
    ['is given up after 5 s', (bench) => void ((bench.nowMs = 5000), bench.host.poll())],
    ['is broken off', (bench) => bench.host.close()],
  ])('tells the board that it %s', (_, happen) => {
    const bench = new Bench();
    bench.host.poll();
    bench.written();
    happen(bench);
    expect(bench.written()).toMatchObject([{ kind: 'end' }]);
  });

  test('that has not begun, or was refused, tells nothing when it is broken off', () => {
    const bench = new Bench();
    bench.host.close();
    expect(bench.written()).toEqual([]);
    const other = new Bench();
    other.host.poll();
    other.host.receive(encodeFrame(frameOf({ kind: 'busy', payload: busyPayload(NONCE, 3) })));
    other.written();
    other.host.close();
    expect(other.written()).toEqual([]);
  });

  test('succeeds though SYN and SYN-ACK are lost at first', () => {
    const line = new SimulatedLine({ toBoard: { latencyMs: 1, loss: 1 } });
    line.host.poll();
    line.time.pass(500);
    line.toBoard.quality = { latencyMs: 1 };
    line.toHost.quality = { latencyMs: 1, loss: 1 };
    line.time.pass(500);
    expect([line.board.kinds, line.host.kinds]).toEqual([['opened'], []]);
    line.toHost.quality = { latencyMs: 1 };
    line.time.pass(500);
    expect([line.board.kinds, line.host.kinds]).toEqual([['opened'], ['opened']]);
  });

  test('happens once, however often SYN and SYN-ACK arrive', () => {
    const line = new SimulatedLine({ toBoard: { latencyMs: 300 }, toHost: { latencyMs: 300, duplication: 1 } });
    line.board.onEvent = ({ kind }) => void (kind === 'opened' && line.board.link.send(0x80, text('hello')));
    line.host.onEvent = ({ kind }) => void (kind === 'opened' && line.host.link.send(0x11, text('step')));
    line.open().time.pass(3000);
    expect(line.board.kinds).toEqual(['opened', 'message']);
    expect(line.host.kinds).toEqual(['opened', 'message']);
  });

  test('by a new host program on the same line replaces the session', () => {
    const line = new SimulatedLine().open();
    line.host.send(1, text('old'));
    line.time.pass(10);
    line.host = line.newHost(2);
    line.open();
    line.host.send(1, text('new'));
    line.time.pass(10);
    expect(line.board.kinds).toEqual(['opened', 'message', 'closed: reset', 'opened', 'message']);
    expect(line.board.received).toEqual(['old', 'new']);
  });

  test('is refused with BUSY while another host holds the board, and not after it has ended', () => {
    const time = new VirtualTime();
    const first = new SimulatedLine({ time }).open();
    const held = (): number | undefined => (first.board.link.isOpen ? first.board.link.silentMs : undefined);
    const second = new SimulatedLine({ time, board: { heldElsewhereMs: held } });
    first.toBoard.quality = { latencyMs: 1, loss: 1 };
    time.pass(700);
    second.host.poll();
    time.pass(10);
    expect(second.host.events).toEqual([
      { kind: 'closed', reason: 'busy', silentMs: expect.closeTo(700, -1) as number },
    ]);
    expect([first.board.kinds, second.board.kinds]).toEqual([['opened'], []]);

    time.pass(5000);
    second.host = second.newHost(3);
    second.open();
    expect(first.board.kinds).toEqual(['opened', 'closed: dead']);
    expect(second.board.kinds).toEqual(['opened']);
  });

  test.each<[string, Frame]>([
    ['a SYN-ACK with another nonce', frameOf({ kind: 'syn-ack', payload: synAckPayload(NONCE + 1) })],
    ['a BUSY with another nonce', frameOf({ kind: 'busy', payload: bytes('0000000000000000') })],
    ['a SYN of another host', frameOf({ kind: 'syn', payload: synPayload(NONCE) })],
    ['a message of the session before', frameOf({ kind: 'data', payload: text('old') })],
    ['the end of the session before', frameOf({ kind: 'end' })],
  ])('is not disturbed by %s', (_, frame) => {
    const bench = new Bench();
    bench.host.poll();
    bench.host.receive(encodeFrame(frame));
    expect([bench.events, bench.host.isOpen]).toEqual([[], false]);
    bench.host.receive(encodeFrame(frameOf({ kind: 'syn-ack', payload: synAckPayload(NONCE) })));
    expect(bench.events).toEqual([{ kind: 'opened', nonce: NONCE }]);
  });

  test('takes a SYN of any version, but nothing else that has its length', () => {
    const bench = new Bench();
    const payload = synPayload(NONCE);
    for (const at of [0, 5, 6]) {
      const other = payload.slice();
      other[at]!++;
      bench.board.receive(encodeFrame(frameOf({ kind: 'syn', payload: other })));
    }
    expect([bench.board.isOpen, bench.written()]).toEqual([false, []]);
    expect(Object.values(bench.board.statistics.bad)).toEqual([0, 0, 0, 0, 0]); // good frames that say nothing
    payload[7] = 2;
    bench.board.receive(encodeFrame(frameOf({ kind: 'syn', payload })));
    expect(bench.board.isOpen).toBe(true);
  });

  test('passes boot text on', () => {
    const bench = new Bench();
    bench.host.poll();
    bench.host.receive(text('booting\r\n'));
    expect(bench.events).toEqual([{ kind: 'text', bytes: text('booting\r\n') }]);
  });
});

describe('acknowledging', () => {
  test('waits 5 ms for an answer to ride on', () => {
    const bench = new Bench();
    const link = bench.openBoard();
    link.receive(data(0));
    expect(link.poll()).toBe(5);
    link.send(0x91, text('answer'));
    expect(bench.written()).toMatchObject([{ kind: 'data', acknowledge: 1 }]);
    bench.nowMs += 5;
    link.poll();
    expect(bench.written()).toEqual([]);
  });

  test('happens by itself when there is no answer', () => {
    const bench = new Bench();
    const link = bench.openBoard();
    link.receive(data(0));
    bench.nowMs += 5;
    link.poll();
    expect(bench.written()).toEqual([frameOf({ kind: 'ack', acknowledge: 1, window: 4 })]);
  });

  test('happens at once for half of the window', () => {
    const bench = new Bench();
    const link = bench.openBoard();
    link.receive(data(0));
    expect(bench.written()).toEqual([]);
    link.receive(data(1));
    expect(bench.written()).toMatchObject([{ kind: 'ack', acknowledge: 2, again: false }]);
    link.receive(data(2));
    expect(bench.written()).toEqual([]);
    link.receive(data(3));
    expect(bench.written()).toMatchObject([{ kind: 'ack', acknowledge: 4, again: false }]);
  });

  test('happens at once for four frames, however large the window is: a sender may have begun with eight', () => {
    const bench = new Bench();
    bench.room = 32;
    const link = bench.openBoard();
    for (const sequence of [0, 1, 2]) link.receive(data(sequence));
    expect(bench.written()).toEqual([]);
    link.receive(data(3));
    expect(bench.written()).toMatchObject([{ kind: 'ack', acknowledge: 4, again: false }]);
  });

  test('happens when the window opens from 0', () => {
    const bench = new Bench();
    bench.room = 0;
    const link = bench.openBoard();
    link.poll();
    expect(bench.written()).toEqual([]);
    bench.room = 1;
    link.poll();
    expect(bench.written()).toEqual([frameOf({ kind: 'ack', window: 1 })]);
    bench.room = 4;
    link.poll();
    expect(bench.written()).toEqual([]);
  });

  test('is repeated when a frame comes twice, which is delivered once', () => {
    const bench = new Bench();
    const link = bench.openBoard();
    link.receive(data(0));
    link.receive(data(0));
    bench.nowMs += 5;
    link.poll();
    bench.written();
    link.receive(data(0));
    expect(link.poll()).toBe(5);
    bench.nowMs += 5;
    link.poll();
    expect(bench.written()).toEqual([frameOf({ kind: 'ack', acknowledge: 1, window: 4 })]);
    expect(bench.events).toEqual([{ kind: 'message', type: 0, payload: text('m0') }]);
    expect(link.statistics.dropped).toBe(2);
  });

  test('of frames that all come twice does not ask for a repetition', () => {
    const bench = new Bench();
    const link = bench.openBoard();
    for (const sequence of [0, 1, 2, 3, 0, 1, 2, 3]) link.receive(data(sequence));
    bench.nowMs += 5;
    link.poll();
    expect(bench.written().map(({ acknowledge, again }) => [acknowledge, again])).toEqual([
      [2, false],
      [4, false],
      [4, false],
    ]);
  });

  test.each([
    ['a frame is missing', data(1)],
    ['a frame is bad', bytes('02 01 09 11 11 11 11 11 11 11 11 00')],
  ])('asks once for a repetition when %s, and again only after 100 ms', (_, line) => {
    const bench = new Bench();
    const link = bench.openBoard();
    link.receive(line);
    expect(bench.written()).toEqual([frameOf({ kind: 'ack', window: 4, again: true })]);
    bench.nowMs += 99;
    link.receive(line);
    expect(bench.written()).toEqual([]);
    bench.nowMs += 1;
    link.receive(line);
    expect(bench.written()).toEqual([frameOf({ kind: 'ack', window: 4, again: true })]);
    link.receive(data(0));
    link.receive(data(2));
    expect(bench.written()).toMatchObject([{ kind: 'ack', acknowledge: 1, again: true }]);
  });

  test('does not ask when the good frame comes right after the bad one', () => {
    const bench = new Bench();
    const link = bench.openBoard();
    link.receive(new Uint8Array([...bytes('02 11 00'), ...data(0)]));
    bench.nowMs += 5;
    link.poll();
    expect(bench.written()).toEqual([frameOf({ kind: 'ack', acknowledge: 1, window: 4 })]);
  });

  test('drops what there is no room for, and takes it when it comes again', () => {
    const bench = new Bench();
    const link = bench.openBoard();
    bench.room = 0;
    link.receive(data(0));
    expect(bench.events).toEqual([]);
    bench.room = 1;
    link.receive(data(0));
    expect(bench.events).toMatchObject([{ kind: 'message' }]);
  });

  test('answers AGAIN when there is nothing to repeat', () => {
    const bench = new Bench();
    const link = bench.openBoard();
    link.receive(ack(0, { again: true }));
    expect(bench.written()).toEqual([frameOf({ kind: 'ack', window: 4 })]);
  });
});

describe('sending', () => {
  const sequences = (frames: readonly Frame[]): number[] =>
    frames.filter(({ kind }) => kind === 'data').map(({ sequence }) => sequence);
  const sendMany = (link: BoardLink, count: number): void => {
    for (let index = 0; index < count; index++) expect(link.send(0x92, text(`${index}`))).toBe(true);
  };

  test.each([
    [3, [0, 1, 2]],
    [32, [0, 1, 2, 3, 4, 5, 6, 7]],
    [0, []],
  ])('goes no further than the window of the peer, %i, and the own one of 8', (window, expected) => {
    const bench = new Bench();
    const link = bench.openBoard(window);
    sendMany(link, 10);
    expect(sequences(bench.written())).toEqual(expected);
  });

  test('goes on as the peer acknowledges and opens its window', () => {
    const bench = new Bench();
    const link = bench.openBoard(2);
    sendMany(link, 10);
    bench.written();
    link.receive(ack(1, { window: 1 }));
    expect(sequences(bench.written())).toEqual([]);
    link.receive(ack(2, { window: 0 }));
    expect(sequences(bench.written())).toEqual([]);
    link.receive(ack(2, { window: 3 }));
    expect(sequences(bench.written())).toEqual([2, 3, 4]);
  });

  test('accepts 32 messages ahead and no more', () => {
    const bench = new Bench();
    const link = bench.openBoard();
    expect(new Bench().board.send(1, text(''))).toBe(false);
    sendMany(link, MAX_WINDOW);
    expect([link.canSend, link.send(1, text(''))]).toEqual([false, false]);
    link.receive(ack(1));
    expect([link.canSend, link.send(1, text(''))]).toEqual([true, true]);
  });

  test('refuses a payload that no frame can hold', () => {
    const bench = new Bench();
    expect(() => bench.openBoard().send(1, new Uint8Array(4097))).toThrow(RangeError);
  });

  test('repeats everything unacknowledged at once when asked to, half as much at a time', () => {
    const bench = new Bench();
    const link = bench.openBoard(32);
    sendMany(link, 8);
    bench.written();
    link.receive(ack(1, { again: true, window: 32 }));
    expect(sequences(bench.written())).toEqual([1, 2, 3, 4]);
    link.receive(ack(3, { window: 32 }));
    expect(sequences(bench.written())).toEqual([5, 6]);
    expect(link.statistics.repeats).toBe(6);
  });

  test('repeats after 100 ms and the time of its bytes, each time after a longer time, and gives up 5 s later', () => {
    const bench = new Bench();
    const link = bench.openBoard();
    const patienceMs = 2 * (12 + 88);
    link.send(0x91, new Uint8Array(88));
    bench.written();
    const times: number[] = [];
    while (bench.events.length === 0) {
      // The peer is there, but never has what it expects.
      link.receive(ack(0));
      const waitMs = link.poll();
      if (sequences(bench.written()).length > 0) times.push(bench.nowMs);
      if (bench.events.length === 0) bench.nowMs += waitMs;
    }
    const steps = [100, 200, 400, 800, 1600].map((ms) => ms + patienceMs);
    expect(times).toEqual(steps.map((_, index) => steps.slice(0, index + 1).reduce((sum, ms) => sum + ms)));
    expect(bench.events).toEqual([{ kind: 'closed', reason: 'dead' }]);
    expect(bench.nowMs).toBe(5000 + patienceMs);
  });

  test('numbers messages from 255 on to 0', () => {
    const line = new SimulatedLine().open();
    const sent = Array.from({ length: 600 }, (_, index) => `${index}`);
    const queue = [...sent];
    while (queue.length > 0) {
      if (line.host.send(1, text(queue[0]!))) queue.shift();
      else line.time.pass(1);
    }
    line.time.pass(100);
    expect(line.board.received).toEqual(sent);
  });

  test('waits until the line is ready, and then sends what is true by then', () => {
    const bench = new Bench();
    const link = bench.openBoard();
    bench.isReady = false;
    sendMany(link, 2);
    link.receive(data(0));
    bench.nowMs += 50;
    expect(link.poll()).toBe(4950);
    expect(bench.written()).toEqual([]);
    bench.isReady = true;
    link.poll();
    expect(bench.written()).toMatchObject([
      { kind: 'data', sequence: 0, acknowledge: 1 },
      { kind: 'data', sequence: 1, acknowledge: 1 },
    ]);
  });

  test('ignores acknowledgements of what was not sent', () => {
    const bench = new Bench();
    const link = bench.openBoard();
    sendMany(link, 2);
    bench.written();
    for (const wrong of [3, 100, 255]) link.receive(ack(wrong, { window: 0 }));
    sendMany(link, 1);
    expect(sequences(bench.written())).toEqual([2]);
  });
});

describe('a session', () => {
  test('stays open for as long as both ends are there, though they have nothing to say', () => {
    const line = new SimulatedLine().open();
    line.time.pass(3_600_000);
    expect([line.host.kinds, line.board.kinds]).toEqual([['opened'], ['opened']]);
    expect(line.host.link.statistics.framesSent).toBeLessThan(3700);
    line.host.send(1, text('still there'));
    line.time.pass(100);
    expect([line.host.kinds, line.board.received]).toEqual([['opened'], ['still there']]);
  });

  test.each(['toHost', 'toBoard'] as const)('is over after 5 s when nothing gets through %s', (direction) => {
    const line = new SimulatedLine().open();
    line[direction].quality = { latencyMs: 1, loss: 1 };
    line.time.pass(4000);
    expect([line.host.link.isOpen, line.board.link.isOpen]).toEqual([true, true]);
    line.time.pass(1100);
    const [deaf, heard] = direction === 'toHost' ? [line.host, line.board] : [line.board, line.host];
    expect(deaf.kinds).toEqual(['opened', 'closed: dead']);
    // Who gives up says so, and the other one hears it.
    line.time.pass(10);
    expect(heard.kinds).toEqual(['opened', 'closed: reset']);
  });

  test('ends for the peer when one end closes it', () => {
    const line = new SimulatedLine().open();
    line.host.link.close();
    line.time.pass(10);
    expect([line.host.kinds, line.board.kinds]).toEqual([['opened'], ['opened', 'closed: reset']]);
    expect(line.host.link.canSend).toBe(false);
  });

  test('ends for a host at once when the board has restarted', () => {
    const bench = new Bench();
    bench.host.poll();
    bench.host.receive(encodeFrame(frameOf({ kind: 'syn-ack', window: 1, payload: synAckPayload(NONCE) })));
    bench.written();
    bench.host.send(0x11, text('step'));
    for (const frame of bench.written()) bench.board.receive(encodeFrame(frame));
    const [answer] = bench.written();
    expect(answer).toMatchObject({ kind: 'end' });
    bench.host.receive(encodeFrame(answer!));
    expect(bench.events.at(-1)).toEqual({ kind: 'closed', reason: 'reset' });
  });

  test('may be closed and used from inside an event', () => {
    const line = new SimulatedLine().open();
    line.board.onEvent = (event) => {
      if (event.kind !== 'message') return;
      line.board.link.send(event.type, event.payload);
      if (event.type === 9) line.board.link.close();
    };
    for (const type of [7, 8, 9, 10]) line.host.send(type, text(`${type}`));
    line.time.pass(100);
    expect(line.board.received).toEqual(['7', '8', '9']);
    expect(line.host.kinds.at(-1)).toBe('closed: reset');
  });

  test('starts each frame after a pause with a delimiter', () => {
    const written: Uint8Array[] = [];
    let nowMs = 0;
    const link = new HostLink({
      nonce: NONCE,
      now: () => nowMs,
      write: (line) => written.push(line),
      onEvent: () => {},
    });
    link.poll();
    link.receive(encodeFrame(frameOf({ kind: 'syn-ack', window: 8, payload: synAckPayload(NONCE) })));
    link.send(1, text('a'));
    nowMs += 19;
    link.send(1, text('b'));
    nowMs += 20;
    link.send(1, text('c'));
    expect(written.map((line) => line[0] === 0)).toEqual([true, false, false, true]);
  });
});

describe('whatever arrives', () => {
  const anyFrame = fc.oneof(
    anyDataFrame(20),
    fc.constantFrom(...ONE_OF_EACH_KIND),
    fc
      .record({ acknowledge: fc.nat(255), window: fc.nat(32), again: fc.boolean() })
      .map((fields) => frameOf({ kind: 'ack', ...fields })),
    fc.nat(0xffff_ffff).map((nonce) => frameOf({ kind: 'syn', payload: synPayload(nonce) })),
    fc.constant(frameOf({ kind: 'syn-ack', window: 8, payload: synAckPayload(NONCE) })),
  );
  const anyLine = fc.oneof(
    anyFrame.map((frame) => encodeFrame(frame)),
    fc.uint8Array({ maxLength: 60 }),
    fc.tuple(anyFrame, fc.nat(), fc.nat(255)).map(([frame, at, value]) => {
      const line = encodeFrame(frame);
      line[at % line.length] = value;
      return line;
    }),
  );
  const anyStep = fc.oneof(
    anyLine.map((line) => (bench: Bench) => (bench.host.receive(line), bench.board.receive(line))),
    fc.nat(300).map((ms) => (bench: Bench) => void (bench.nowMs += ms)),
    fc.nat(4).map((room) => (bench: Bench) => void (bench.room = room)),
    fc.boolean().map((isReady) => (bench: Bench) => void (bench.isReady = isReady)),
    fc.constant((bench: Bench) => void (bench.host.send(1, text('x')), bench.board.send(1, text('y')))),
  );

  test('a link does not throw, writes only good frames, and few of them', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const bench = new Bench();
        for (const step of steps) {
          step(bench);
          const waits = [bench.host.poll(), bench.board.poll()];
          expect(waits.every((ms) => ms > 0 || !bench.isReady)).toBe(true);
          const frames = bench.written();
          expect(frames.length).toBeLessThanOrEqual(2 * (MAX_WINDOW + 2));
        }
      }),
    );
  });

  test('a flood of requests while the line is not ready gathers one answer', () => {
    const bench = new Bench();
    bench.isReady = false;
    for (let nonce = 0; nonce < 1000; nonce++) {
      bench.board.receive(encodeFrame(frameOf({ kind: 'syn', payload: synPayload(nonce) })));
    }
    bench.isReady = true;
    bench.board.poll();
    expect(bench.written()).toEqual([frameOf({ kind: 'syn-ack', window: 4, payload: synAckPayload(999) })]);
  });
});
