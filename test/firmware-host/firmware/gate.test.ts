/** A board with a key on its line: who has it not gets its name, and no answer. docs/PROTOCOL.md, section 8. */

import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BoardError } from '../../../device/board-error.js';
import { FrameReader } from '../../../protocol/wire/frame-reader.js';
import { encodeFrame } from '../../../protocol/wire/frame.js';
import type { Frame } from '../../../protocol/wire/frame.js';
import { decodeMapMessage, decodeMessage } from '../../../protocol/wire/message.js';
import { AUTH_ERRORS, CHALLENGE, hostProofInput, PROVE, PROVEN } from '../../../protocol/wire/groups/messages-auth.js';
import { BOARD_ERRORS, ERROR, GATE_HELLO, GET_INFO, HELLO } from '../../../protocol/wire/messages-board.js';
import { MESSAGES } from '../../../protocol/wire/messages.js';
import { synPayload } from '../../../protocol/wire/opening.js';
import { BoardOnALine } from '../../helpers/board-on-a-line.js';
import { count, figure } from '../../helpers/counts.js';
import { frameOf, framesIn, joined } from '../../helpers/frames.js';
import { goodImage } from '../../helpers/good-image.js';
import { Prng } from '../../oracle/prng.js';

const IMAGE = goodImage(1);
const KEY = Uint8Array.from({ length: 32 }, (_, index) => index * 7);
const OTHER_KEY = KEY.with(31, 0);

function keyedBoard(): BoardOnALine {
  const line = new BoardOnALine({ image: IMAGE });
  line.key = KEY;
  return line;
}

async function refusal(opening: Promise<unknown>): Promise<BoardError> {
  const error: unknown = await opening.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof BoardError)) throw new Error(`no refusal: ${String(error)}`);
  return error;
}

/** Changes the payload of frames of a type on their way to the host. @param skip so many of them stay */
function tamper(line: BoardOnALine, wanted: number, skip: number, change: (payload: Uint8Array) => Uint8Array): void {
  let seen = 0;
  line.fate = ({ to, bytes }) => {
    const [frame] = to === 'host' ? framesIn(new FrameReader().feed(bytes)) : [];
    if (frame?.kind !== 'data' || frame.type !== wanted || seen++ < skip) return [{ bytes }];
    return [{ bytes: encodeFrame({ ...frame, payload: change(frame.payload) }, true) }];
  };
}

function flipped(payload: Uint8Array, index = payload.length - 1): Uint8Array {
  return payload.with(index, (payload[index] ?? 0) ^ 1);
}

describe('a board with a key', () => {
  it('serves a host that has it, which sees its whole HELLO', async () => {
    const line = keyedBoard();
    const { session } = await line.connect({ key: KEY });
    expect(session.hello).toMatchObject({ serial: 'T-1', slots: 2 });
    expect((await line.clock.until(session.info())).state).toBe('idle');
  });

  it('serves it again when the wire broke', async () => {
    const line = keyedBoard();
    const connection = await line.connect({ key: KEY });
    line.unplug();
    expect((await line.clock.until(connection.persist(async (session) => await session.info()))).state).toBe('idle');
  });

  it('refuses a host without one, and has told its kind and nothing else', async () => {
    const line = keyedBoard();
    const heard: Frame[] = [];
    const reader = new FrameReader();
    line.fate = ({ to, bytes }) => {
      if (to === 'host') heard.push(...framesIn(reader.feed(bytes)));
      return [{ bytes }];
    };
    expect(await refusal(line.connect())).toMatchObject({
      code: 'board-wants-key',
      fix: expect.stringContaining('key file'),
    });
    const messages = heard.filter(({ kind }) => kind === 'data');
    expect(new Set(messages.map(({ type }) => type))).toEqual(new Set([HELLO.type, CHALLENGE.type]));
    expect(decodeMapMessage(GATE_HELLO, messages[0]!.payload)).toMatchObject({
      value: { board: 'test', capabilities: ['auth.1'] },
    });
  });

  it('refuses a host with another one after a pause, in which it serves the right one', async () => {
    const line = keyedBoard();
    const wrong = refusal(line.connect({ key: OTHER_KEY }));
    await line.clock.pass(500);
    const { session } = await line.connect({ key: KEY });
    expect(line.clock.now()).toBeLessThan(1000);
    expect(await wrong).toMatchObject({ code: 'board-wrong-key' });
    expect(line.clock.now()).toBeGreaterThanOrEqual(1000);
    expect((await line.clock.until(session.info())).state).toBe('idle');
  });

  it('tells a host that has it, and only that one, that another host holds it', async () => {
    const line = keyedBoard();
    await line.connect({ key: KEY });
    expect(await refusal(line.connect({ key: KEY }))).toMatchObject({ code: 'board-busy' });
    expect(await refusal(line.connect())).toMatchObject({ code: 'board-wants-key' });
    expect(await refusal(line.connect({ key: OTHER_KEY }))).toMatchObject({ code: 'board-wrong-key' });
  });

  it('is not held by a host that proves nothing', async () => {
    const line = keyedBoard();
    const idle = line.plugIn();
    idle.start({ onData: () => {}, onReady: () => {}, onLost: () => {} });
    idle.write(encodeFrame(frameOf({ kind: 'syn', window: 32, payload: synPayload(9) }), true));
    await line.clock.pass(10);
    const { session } = await line.connect({ key: KEY });
    expect((await line.clock.until(session.info())).state).toBe('idle');
  });
});

describe('a host with a key', () => {
  it('refuses a board that asks for none', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    expect(await refusal(line.connect({ key: KEY }))).toMatchObject({ code: 'board-without-key' });
  });

  it.each<[string, number, number, (payload: Uint8Array) => Uint8Array, string]>([
    ['the first HELLO', HELLO.type, 0, (payload) => flipped(payload, payload.indexOf(0x74)), 'board-wrong-key'],
    ['the challenge', CHALLENGE.type, 0, flipped, 'board-wrong-key'],
    ["the board's HELLO", HELLO.type, 1, (payload) => flipped(payload, 100), 'board-wrong-key'],
    ["the board's proof", PROVEN.type, 0, flipped, 'board-wrong-key'],
    ["the length of the board's proof", PROVEN.type, 0, (payload) => payload.slice(1), 'board-malformed'],
    ['the length of the challenge', CHALLENGE.type, 0, (payload) => payload.slice(1), 'board-malformed'],
  ])('refuses a board when somebody changes %s', async (_, type, skip, change, code) => {
    const line = keyedBoard();
    tamper(line, type, skip, (payload) => change(payload));
    expect(await refusal(line.connect({ key: KEY }))).toMatchObject({ code });
  });

  it('refuses a board that gives its own proof back to it', async () => {
    const line = keyedBoard();
    let hostProof = new Uint8Array(32);
    tamper(line, PROVEN.type, 0, () => hostProof);
    const toHost = line.fate;
    line.fate = (frame) => {
      const [sent] = frame.to === 'board' ? framesIn(new FrameReader().feed(frame.bytes)) : [];
      if (sent?.type === PROVE.type) hostProof = sent.payload.slice(32);
      return toHost(frame);
    };
    expect(await refusal(line.connect({ key: KEY }))).toMatchObject({ code: 'board-wrong-key' });
  });
});

/** A host of bytes, which says what it likes. */
class RawHost {
  readonly messages: Frame[] = [];
  isHungUp = false;
  readonly #board: BoardOnALine;
  readonly #line;
  readonly #reader = new FrameReader();
  #sequence = 0;

  constructor(board: BoardOnALine) {
    this.#board = board;
    this.#line = board.board.addLine({
      key: KEY,
      write: (bytes) => {
        for (const frame of framesIn(this.#reader.feed(bytes))) if (frame.kind === 'data') this.messages.push(frame);
      },
      hangUp: () => (this.isHungUp = true),
    });
    this.#line.receive(encodeFrame(frameOf({ kind: 'syn', window: 32, payload: synPayload(7) }), true));
  }

  get gate(): Uint8Array {
    return this.messages[0]!.payload;
  }

  get boardNonce(): Uint8Array {
    return this.messages[1]!.payload;
  }

  send(type: number, payload: Uint8Array): void {
    const acknowledge = this.messages.length;
    const frame = frameOf({ kind: 'data', type, sequence: this.#sequence++, acknowledge, window: 32, payload });
    this.#line.receive(encodeFrame(frame, false));
    this.#board.board.poll();
  }

  receive(bytes: Uint8Array): void {
    this.#line.receive(bytes);
  }

  leave(): void {
    this.#line.unplug();
  }

  /** As who has the key would. */
  proof(key: Uint8Array, hostNonce: Uint8Array, boardNonce = this.boardNonce): Uint8Array {
    return createHmac('sha256', key)
      .update(hostProofInput({ gate: this.gate, boardNonce, hostNonce }))
      .digest();
  }
}

describe('hosts without the key', () => {
  const tries = count(2000, 100_000);

  it(`get no answer in ${tries.toLocaleString('en-US')} tries`, { timeout: 600_000 }, async () => {
    const line = keyedBoard();
    const random = new Prng(3);
    const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => random.next() & 255);
    // Of a session that was listened to.
    const owner = new RawHost(line);
    const nonce = bytes(32);
    owner.send(PROVE.type, joined([nonce, owner.proof(KEY, nonce)]));
    const recorded = joined([nonce, owner.proof(KEY, nonce)]);
    expect(owner.messages.map(({ type }) => type)).toEqual([HELLO.type, CHALLENGE.type, PROVEN.type, HELLO.type]);
    const boardProof = owner.messages[2]!.payload;
    owner.leave();

    const answers = new Map<string, number>();
    let hosts: RawHost[] = [];
    for (let attempt = 0; attempt < tries; attempt++) {
      const host = new RawHost(line);
      const hostNonce = bytes(32);
      const own = host.proof(KEY, hostNonce);
      const payloads: readonly Uint8Array[] = [
        joined([hostNonce, bytes(32)]),
        recorded,
        joined([nonce, boardProof]),
        joined([host.boardNonce, host.boardNonce]),
        joined([hostNonce, own]).subarray(0, random.between(0, 63)),
        joined([hostNonce, own, Uint8Array.of(0)]),
        joined([hostNonce, flipped(own, random.between(0, 31))]),
        joined([flipped(hostNonce, random.between(0, 31)), own]),
        joined([hostNonce, host.proof(KEY, hostNonce, owner.boardNonce)]),
        joined([hostNonce, host.proof(OTHER_KEY, hostNonce)]),
      ];
      const { type } = MESSAGES[attempt % MESSAGES.length]!;
      const isFirst = random.between(0, 1) === 0;
      if (isFirst) host.send(type, bytes(random.between(0, 8)));
      host.send(PROVE.type, payloads[attempt % payloads.length]!);
      host.send(GET_INFO.type, new Uint8Array(0));
      // With the right proof it is too late.
      host.send(PROVE.type, joined([hostNonce, own]));
      hosts.push(host);
      // All of them wait for their refusals at the same time.
      if (hosts.length < 20 && attempt + 1 < tries) continue;
      await line.clock.pass(1001);
      line.board.poll();
      for (const { isHungUp, messages } of hosts) {
        expect(isHungUp).toBe(true);
        for (const message of messages.slice(2)) {
          const error = message.type === ERROR.type ? decodeMessage(ERROR, message.payload) : undefined;
          const name = `${message.type} ${error?.code}`;
          answers.set(name, (answers.get(name) ?? 0) + 1);
        }
      }
      for (const gone of hosts) gone.leave();
      hosts = [];
    }
    const allowed = [BOARD_ERRORS.unknownRequest, AUTH_ERRORS.wrongProof].map((code) => `${ERROR.type} ${code}`);
    expect([...answers.keys()].toSorted()).toEqual(allowed.toSorted());
    figure('network: requests answered without the key', `0 in ${tries.toLocaleString('en-US')} tries`);
    const { session } = await line.connect({ key: KEY });
    expect((await line.clock.until(session.info())).steps).toBe(0);
  });

  it('are hung up on when they say more than it takes', () => {
    const host = new RawHost(keyedBoard());
    for (let piece = 0; piece < 8; piece++) host.receive(new Uint8Array(1024).fill(piece + 1));
    expect(host.isHungUp).toBe(true);
  });

  it('are hung up on when they open sessions without end', () => {
    const host = new RawHost(keyedBoard());
    for (let opening = 0; opening < 400 && !host.isHungUp; opening++) {
      host.receive(encodeFrame(frameOf({ kind: 'syn', payload: synPayload(opening + 100) }), false));
    }
    expect(host.isHungUp).toBe(true);
  });
});
