/** Several hosts on wires of their own, and a board that has one line. */

import { describe, expect, it } from 'vitest';
import { BoardSession } from '../../../../device/session.js';
import type { Transport, TransportEvents } from '../../../../device/transport/transport.js';
import { SharedLine } from '../../../../firmware-host/virtual/wires/shared-line.js';
import type { WireEvents } from '../../../../firmware-host/virtual/wires/wire.js';
import { BoardOnALine } from '../../../helpers/board-on-a-line.js';
import type { TestClock } from '../../../helpers/board-on-a-line.js';

const LATENCY_MS = 0.2;

/** A board behind a shared line, in a time that only moves when told. */
class SharedBoard {
  readonly #board = new BoardOnALine();
  readonly clock = this.#board.clock;
  readonly #line: SharedLine;

  constructor() {
    const wire = this.#board.plugIn();
    this.#line = new SharedLine({ now: () => this.clock.now(), write: (bytes) => wire.write(bytes) });
    wire.start({ onData: (bytes) => this.#line.receive(bytes), onReady: () => {}, onLost: () => {} });
  }

  /** A host that has come, and has not said anything yet. */
  host(): Host {
    const host = new Host(this.clock);
    this.#line.connect(host.wire);
    return host;
  }
}

class Host {
  readonly #clock: TestClock;
  #atBoard: WireEvents | undefined;
  #atHost: TransportEvents | undefined;
  /** What it says is lost. */
  isMute = false;

  constructor(clock: TestClock) {
    this.#clock = clock;
  }

  readonly wire = {
    isReady: true,
    start: (events: WireEvents): void => void (this.#atBoard = events),
    write: (bytes: Uint8Array): void => void this.#clock.after(LATENCY_MS, () => this.#atHost?.onData(bytes)),
    close: (): void => {},
  };

  /** What the host closes is not taken down before `leave`. */
  readonly #transport: Transport = {
    name: 'shared',
    isReady: true,
    start: (events) => (this.#atHost = events),
    write: (bytes) => {
      if (!this.isMute) this.#clock.after(LATENCY_MS, () => this.#atBoard?.onData(bytes));
    },
    close: () => Promise.resolve(),
  };

  async open(): Promise<BoardSession> {
    return await this.#clock.until(BoardSession.open(this.#transport, { clock: this.#clock }));
  }

  leave(): void {
    this.#atBoard?.onGone();
  }
}

const BUSY = { code: 'board-busy', message: 'shared is in use' };

describe('a line that hosts share', () => {
  // The second one used to hear nothing: "does not answer", check the baud rate.
  it('is busy for whoever comes second, and the first does not notice', async () => {
    const board = new SharedBoard();
    const session = await board.host().open();
    for (let second = 0; second < 12; second++) {
      await board.clock.pass(1000);
      await expect(board.host().open()).rejects.toMatchObject(BUSY);
    }
    await expect(board.clock.until(session.info())).resolves.toMatchObject({ state: 'idle' });
  });

  // A host that came before the last one's connection was taken down used to be sent away.
  it('is free at the end of the session, before the wire is gone', async () => {
    const board = new SharedBoard();
    const session = await board.host().open();
    await board.clock.until(session.close());
    await board.clock.pass(1);
    await expect(board.host().open()).resolves.toBeDefined();
  });

  it('is free when the wire is gone, whose host ended nothing', async () => {
    const board = new SharedBoard();
    const first = board.host();
    await first.open();
    first.leave();
    await expect(board.host().open()).resolves.toBeDefined();
  });

  it('stays the next host’s when the wire of the one before goes at last', async () => {
    const board = new SharedBoard();
    const first = board.host();
    const session = await first.open();
    await board.clock.until(session.close());
    await board.clock.pass(1);
    await board.host().open();
    first.leave();
    await expect(board.host().open()).rejects.toMatchObject(BUSY);
  });

  it('is free 5 s after its host was heard, which learns that when it comes back', async () => {
    const board = new SharedBoard();
    const first = board.host();
    const session = await first.open();
    first.isMute = true;
    await board.clock.pass(4000);
    await expect(board.host().open()).rejects.toMatchObject({
      ...BUSY,
      reason: expect.stringMatching(/heard 4\.\d s ago/),
    });
    await board.clock.pass(1100);
    const second = await board.host().open();
    first.isMute = false;
    await board.clock.pass(1100);
    await expect(board.clock.until(session.info())).rejects.toMatchObject({
      code: 'board-lost',
      reason: expect.stringContaining('has not heard this computer for 5 s, or another program'),
    });
    await expect(board.clock.until(second.info())).resolves.toMatchObject({ state: 'idle' });
  });

  it('is not held by a host that says nothing', async () => {
    const board = new SharedBoard();
    board.host();
    await expect(board.host().open()).resolves.toBeDefined();
  });
});
