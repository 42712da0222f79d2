/** What a host makes of boards: busy ones, silent ones, foreign ones, and what it owes them. */

import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { BoardMachine, type BoardMachineOptions } from '../../device/board/board-machine.js';
import { BoardConnection } from '../../device/connection.js';
import { BoardSession } from '../../device/session.js';
import { boardRefuses } from '../../device/refusal-error.js';
import type { Transport, TransportEvents } from '../../device/transport/transport.js';
import type { GeneratedToken, GenerateRequest, Sequence } from '../../model/machine/machine.js';
import { samplerSettings } from '../../model/integer/sampler.js';
import { encodeCbor } from '../../protocol/cbor.js';
import { encodeFrame } from '../../protocol/wire/frame.js';
import { FrameReader } from '../../protocol/wire/frame-reader.js';
import { encodeMessage } from '../../protocol/wire/message.js';
import { BOARD_ERRORS, ERROR, GET_INFO, HELLO } from '../../protocol/wire/messages-board.js';
import { RESET, RUN, STEP, STEPPED, TOKEN } from '../../protocol/wire/messages-run.js';
import { synAckPayload, synNonce } from '../../protocol/wire/opening.js';
import { BoardOnALine, TestClock } from '../helpers/board-on-a-line.js';
import { IS_ANOTHER_BOARD } from '../helpers/c-board.js';
import { frameOf } from '../helpers/frames.js';
import { goodImageOf } from '../helpers/good-image.js';
import { boardSequence, referenceSequence } from '../helpers/machines.js';
import { TINY_SHAPE, tinySections } from '../helpers/tiny-image.js';

const SECTIONS = tinySections(1, { ...TINY_SHAPE, vocabSize: 64, eosTokenId: 63 });
const IMAGE = goodImageOf(SECTIONS);
const SAMPLER = samplerSettings({ temperature: 2, topK: 7, topP: 0.9, seed: 9n });
const REQUEST: GenerateRequest = { prompt: [1, 0, 3], maxTokens: 40, sampler: SAMPLER };

async function expectedTokens(request: GenerateRequest = REQUEST): Promise<GeneratedToken[]> {
  return await collect(await referenceSequence(SECTIONS), request);
}

async function collect(
  backend: { generate(request: GenerateRequest): AsyncIterable<GeneratedToken> },
  request: GenerateRequest = REQUEST,
): Promise<GeneratedToken[]> {
  const tokens: GeneratedToken[] = [];
  for await (const token of backend.generate(request)) tokens.push(token);
  return tokens;
}

async function sequenceOn(line: BoardOnALine, options: BoardMachineOptions = {}): Promise<Sequence> {
  return await boardSequence(await line.connect(), options);
}

/** Types of the messages that reach the board from now on. */
function typesToBoard(line: BoardOnALine): ReadonlySet<number> {
  const reader = new FrameReader();
  const types = new Set<number>();
  line.fate = ({ to, bytes }) => {
    for (const event of to === 'board' ? reader.feed(bytes) : []) {
      if (event.kind === 'frame' && event.frame.kind === 'data') types.add(event.frame.type);
    }
    return [{ bytes }];
  };
  return types;
}

function abortable(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error('enough')) };
}

describe('two hosts', () => {
  it('cannot have a board at the same time, and the first does not notice the second', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const first = collect(await sequenceOn(line));
    await line.clock.pass(5);
    await expect(line.connect()).rejects.toMatchObject({ code: 'board-busy', facts: { board: 'wire' } });
    expect(await line.clock.until(first)).toEqual(await expectedTokens());
  });

  it('can have it one after the other', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const first = new BoardMachine(await line.connect());
    await line.clock.until(first.close());
    expect(await line.clock.until(collect(await sequenceOn(line)))).toEqual(await expectedTokens());
  });

  it('can have it 5 s after the first was heard for the last time', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    await line.connect();
    line.fate = () => [];
    await line.clock.pass(5100);
    line.fate = ({ bytes }) => [{ bytes }];
    expect(await line.clock.until(collect(await sequenceOn(line)))).toEqual(await expectedTokens());
  });
});

describe('a generation', () => {
  it('is the same whoever samples', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const there = await line.clock.until(collect(await sequenceOn(line)));
    line.unplug();
    const here = await line.clock.until(collect(await sequenceOn(line, { sampling: 'host' })));
    expect(there).toEqual(await expectedTokens());
    expect(here).toEqual(there);
  });

  it('sampled here needs no more of a board than GET_INFO, RESET and STEP', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const backend = await sequenceOn(line, { sampling: 'host' });
    const types = typesToBoard(line);
    expect(await line.clock.until(collect(backend))).toEqual(await expectedTokens());
    expect([...types]).toEqual([GET_INFO.type, RESET.type, STEP.type]);
  });

  // It used to end with board-unknown-request, unless --sampling host was given.
  it('is sampled here without being told to, where the board knows RESET and STEP only', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const connection = await line.connect();
    const unknown = boardRefuses('wire', {
      code: BOARD_ERRORS.unknownRequest,
      request: GET_INFO.type,
      factA: 0,
      factB: 0,
    });
    const asked = vi.spyOn(connection.session, 'info').mockRejectedValue(unknown);
    const types = typesToBoard(line);
    expect(await line.clock.until(collect(await boardSequence(connection)))).toEqual(await expectedTokens());
    expect(asked).toHaveBeenCalled();
    expect([...types]).toEqual([RESET.type, STEP.type]);
  });

  it('goes on behind an earlier one as on this computer', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const subject = await sequenceOn(line);
    const reference = await referenceSequence(SECTIONS);
    for (const request of [REQUEST, { ...REQUEST, prompt: [5], maxTokens: 10 }]) {
      expect(await line.clock.until(collect(subject, request))).toEqual(await collect(reference, request));
    }
  });

  it('takes prompts longer than a RUN', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const request = { ...REQUEST, prompt: Array.from({ length: 2345 }, (_, index) => (7 * index) % 63), maxTokens: 5 };
    expect(await line.clock.until(collect(await sequenceOn(line), request))).toEqual(await expectedTokens(request));
  });

  it('works with a board that has one buffer', async () => {
    const line = new BoardOnALine({ image: IMAGE, window: 1 });
    expect(await line.clock.until(collect(await sequenceOn(line)))).toEqual(await expectedTokens());
  });

  it('that is aborted stops on the board too', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const connection = await line.connect();
    const backend = await boardSequence(connection);
    const abort = new AbortController();
    const tokens: GeneratedToken[] = [];
    const generate = async (): Promise<void> => {
      for await (const token of backend.generate({ ...REQUEST, maxTokens: 80, signal: abort.signal })) {
        tokens.push(token);
        if (tokens.length === 5) abort.abort();
      }
    };
    await line.clock.until(generate());
    expect(tokens).toHaveLength(5);
    expect(await line.clock.until(connection.session.info())).toMatchObject({ state: 'idle' });
    await backend.reset();
    expect(await line.clock.until(collect(backend))).toEqual(await expectedTokens());
  });

  it('that its reader leaves stops on the board too, and the next goes on from there', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const connection = await line.connect();
    const backend = await boardSequence(connection);
    const leave = async (): Promise<void> => {
      for await (const token of backend.generate({ ...REQUEST, maxTokens: 80 })) if (token.index === 7) break;
    };
    await line.clock.until(leave());
    expect(await line.clock.until(connection.session.info())).toMatchObject({ state: 'idle' });
    const [expected, rest] = [await expectedTokens(), { ...REQUEST, maxTokens: 32 }];
    const next = collect(backend, { ...rest, prompt: [] });
    expect(await line.clock.until(next)).toEqual(expected.slice(8));
  });

  it('that a dead host left behind does not keep the next from its own', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const dead = await line.connect();
    const tokens = Uint8Array.of(1);
    const request = {
      run: 1,
      firstIndex: 0,
      maxTokens: 80,
      topK: 1,
      keep: 0,
      inverseTemperature: 0,
      topP: 1,
      seed: 0n,
    };
    await line.clock.until(dead.session.send(RUN, { ...request, tokens: Uint32Array.from(tokens) }));
    await line.clock.pass(2);
    line.unplug();
    expect(await line.clock.until(collect(await sequenceOn(line)))).toEqual(await expectedTokens());
  });
});

/** A board that says what a test wants: answers SYN, then sends messages. */
class ScriptedBoard {
  readonly clock = new TestClock();
  readonly #messages: readonly (readonly [number, Uint8Array])[];
  readonly #before: Uint8Array;
  #events: TransportEvents | undefined;
  #sequence = 0;

  constructor(messages: readonly (readonly [number, Uint8Array])[], before = new Uint8Array(0)) {
    this.#messages = messages;
    this.#before = before;
  }

  wire(): Transport {
    const reader = new FrameReader();
    return {
      name: 'scripted',
      isReady: true,
      start: (events) => {
        this.#events = events;
        this.#say(this.#before);
      },
      write: (bytes) => {
        for (const event of reader.feed(bytes)) {
          const nonce =
            event.kind === 'frame' && event.frame.kind === 'syn' ? synNonce(event.frame.payload) : undefined;
          if (nonce !== undefined) this.#answer(nonce);
        }
      },
      close: () => Promise.resolve(),
    };
  }

  async open(onBootText?: (text: Uint8Array) => void): Promise<BoardSession> {
    const options = { clock: this.clock, ...(onBootText && { onBootText }) };
    return await this.clock.until(BoardSession.open(this.wire(), options));
  }

  send(type: number, payload: Uint8Array): void {
    this.#say(encodeFrame(frameOf({ kind: 'data', type, sequence: this.#sequence++, window: 32, payload })));
  }

  /** Says that it has got so many messages, and lives. */
  acknowledge(count: number): void {
    this.#say(encodeFrame(frameOf({ kind: 'ack', acknowledge: count, window: 32 })));
  }

  #answer(nonce: number): void {
    this.#say(encodeFrame(frameOf({ kind: 'syn-ack', window: 32, payload: synAckPayload(nonce) }), true));
    for (const [type, payload] of this.#messages) this.send(type, payload);
  }

  #say(bytes: Uint8Array): void {
    this.clock.after(0.1, () => this.#events?.onData(bytes));
  }
}

/** The HELLO of a real board. */
async function realHello(): Promise<Uint8Array> {
  const line = new BoardOnALine({ image: IMAGE });
  let payload: Uint8Array | undefined;
  const reader = new FrameReader();
  line.fate = ({ to, bytes }) => {
    for (const event of to === 'host' ? reader.feed(bytes) : []) {
      if (event.kind === 'frame' && event.frame.type === HELLO.type) payload = event.frame.payload;
    }
    return [{ bytes }];
  };
  await line.connect();
  return payload!;
}

describe('opening a session', () => {
  it('with what says nothing fails after 5 s', async () => {
    const clock = new TestClock();
    const dumb: Transport = { ...new ScriptedBoard([]).wire(), start: () => {}, write: () => {} };
    const opening = BoardSession.open(dumb, { clock });
    await expect(clock.until(opening)).rejects.toMatchObject({ code: 'board-silent' });
    expect(clock.now()).toBeGreaterThanOrEqual(5000);
    expect(clock.now()).toBeLessThan(5500);
  });

  it('with a board whose link lives and that sends no HELLO ends after 60 s, and says so', async () => {
    const board = new ScriptedBoard([]);
    const opening = board.open();
    const live = (): void => {
      board.acknowledge(0);
      board.clock.after(1000, live);
    };
    live();
    await expect(opening).rejects.toMatchObject({
      code: 'board-silent',
      message: 'scripted does not say what it is',
      reason: expect.stringContaining('no HELLO came within 60 s'),
    });
    expect(board.clock.now()).toBeLessThan(61_000);
  });

  it('with a board of another version says so', async () => {
    const hello = encodeCbor({ protocol: 2, schema: new Uint8Array(8) });
    await expect(new ScriptedBoard([[HELLO.type, hello]]).open()).rejects.toMatchObject({
      code: 'board-other-protocol',
      facts: { protocol: 2 },
    });
  });

  it.each<[string, number, Uint8Array]>([
    ['no CBOR', HELLO.type, Uint8Array.of(0xff)],
    ['an empty map', HELLO.type, Uint8Array.of(0xa0)],
    ['hostile CBOR', HELLO.type, Uint8Array.of(0x9a, 6, 0xb4, 0x9d, 0x20)],
    ['another message first', STEPPED.type, new Uint8Array(8)],
  ])('with a board that sends %s is refused', async (_, type, payload) => {
    await expect(new ScriptedBoard([[type, payload]]).open()).rejects.toMatchObject({ code: 'board-malformed' });
  });

  it.each<[string, number, object]>([
    ['falls silent', 5000, {}],
    ['only keeps its link alive', 60_000, {}],
    ['only keeps its link alive, and is asked for a moment,', 10_000, { helloLimitMs: 10_000 }],
  ])('with a board that answers SYN and %s says what did come', async (_, limitMs, options) => {
    const board = new ScriptedBoard([]);
    const opening = BoardSession.open(board.wire(), { clock: board.clock, ...options });
    const keepAlive = (): void => {
      if (limitMs > 5000 && board.clock.now() < limitMs) board.acknowledge(0);
      board.clock.after(1000, keepAlive);
    };
    board.clock.after(1000, keepAlive);
    await expect(board.clock.until(opening)).rejects.toMatchObject({
      code: 'board-silent',
      reason: `It opened a session (SYN-ACK), but no HELLO came within ${limitMs / 1000} s.`,
    });
    expect(board.clock.now()).toBeLessThan(limitMs + 500);
  });

  it('passes the boot text on', async () => {
    const text: string[] = [];
    const boot = new TextEncoder().encode('boot: 16 MB flash ok\r\n');
    await new ScriptedBoard([[HELLO.type, await realHello()]], boot).open((bytes) => {
      text.push(Buffer.from(bytes).toString());
    });
    expect(text.join('')).toBe('boot: 16 MB flash ok\r\n');
  });

  it('can be aborted', async () => {
    const clock = new TestClock();
    const dumb: Transport = { ...new ScriptedBoard([]).wire(), start: () => {}, write: () => {} };
    const opening = BoardSession.open(dumb, { clock, signal: AbortSignal.abort() });
    await expect(clock.until(opening)).rejects.toMatchObject({ name: 'AbortError' });
  });
});

async function opened(): Promise<{ readonly board: ScriptedBoard; readonly session: BoardSession }> {
  const board = new ScriptedBoard([[HELLO.type, await realHello()]]);
  return { board, session: await board.open() };
}

describe('a session', () => {
  it.each<[keyof typeof BOARD_ERRORS, string]>([
    ['unknownRequest', 'board-unknown-request'],
    ['malformedPayload', 'board-malformed'],
    ['busy', 'board-busy'],
    ['noImage', 'board-no-image'],
    ['unknownToken', 'board-malformed'],
    ['notAnImage', 'board-refuses-image'],
    ['imageTooLarge', 'board-image-too-large'],
    ['modelTooLarge', 'board-model-too-large'],
    ['revisionTooOld', 'board-revision-too-old'],
    ['notSigned', 'board-not-signed'],
    ['signatureWrong', 'board-signature-wrong'],
    ['writeOutOfOrder', 'board-write-failed'],
    ['imageDamaged', 'board-write-failed'],
    ['flashFailed', 'board-write-failed'],
  ])('tells of the refusal %s as %s', async (name, code) => {
    const { board, session } = await opened();
    const request = session.request(STEP, { taps: 0, candidates: 0, token: 0 }, STEPPED);
    const refusal = { code: BOARD_ERRORS[name], request: STEP.type, factA: 1, factB: 2 };
    board.send(ERROR.type, encodeMessage(ERROR, refusal));
    await expect(board.clock.until(request)).rejects.toMatchObject({ code });
  });

  it('keeps no more of a run than it has room for, when nobody reads it', async () => {
    const { board, session } = await opened();
    for (let index = 0; index < 10_000; index++) {
      board.send(TOKEN.type, encodeMessage(TOKEN, { run: 7, index, token: 1, receipt: 2 }));
      if (index % 16 === 15) await board.clock.pass(1);
    }
    for (let index = 0; index < 32; index++) {
      expect(await board.clock.until(session.nextRunEvent(7))).toMatchObject({ kind: 'token', index });
    }
    // What there was no room for was not taken, and this board does not repeat it.
    await expect(board.clock.until(session.nextRunEvent(7))).rejects.toMatchObject({ code: 'board-lost' });
  });

  it('takes a board that knows no GET_INFO for one without a run', async () => {
    const { board, session } = await opened();
    const stopped = session.stopForeignRun();
    const unknown = { code: BOARD_ERRORS.unknownRequest, request: GET_INFO.type, factA: 0, factB: 0 };
    board.send(ERROR.type, encodeMessage(ERROR, unknown));
    await expect(board.clock.until(stopped)).resolves.toBe(false);
  });

  it.each<[string, number, Uint8Array]>([
    ['answers what nobody asked', STEPPED.type, new Uint8Array(8)],
    ['sends an unknown message', 0xff, new Uint8Array(0)],
    ['sends an ERROR of the wrong length', ERROR.type, new Uint8Array(3)],
    ['sends a TOKEN of the wrong length', 0x92, new Uint8Array(3)],
  ])('with a board that %s is over', async (_, type, payload) => {
    const { board, session } = await opened();
    board.send(type, payload);
    await board.clock.pass(10);
    await expect(board.clock.until(session.info())).rejects.toMatchObject({ code: 'board-malformed' });
  });

  // Each request used to listen for itself, and Node warned of a leak once eleven were under way.
  it('listens for an abort once for all requests, and not when it is closed', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const { signal, abort } = abortable();
    const { session } = await line.connect({ signal });
    const steps = [0, 1, 2].map((token) => session.request(STEP, { taps: 0, candidates: 0, token }, STEPPED));
    const ended = Promise.allSettled(steps);
    await new Promise((resolve) => setImmediate(resolve));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    abort();
    expect(await ended).toMatchObject(steps.map(() => ({ status: 'rejected', reason: { message: 'enough' } })));
    await line.clock.until(session.close());
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('that is over takes no more requests', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const { session } = await line.connect();
    line.unplug();
    const startMs = line.clock.now();
    await expect(line.clock.until(session.info())).rejects.toMatchObject({ code: 'board-lost' });
    expect(line.clock.now()).toBe(startMs);
  });

  it('with a board that falls silent is over after 5 s', async () => {
    const { board, session } = await opened();
    const startMs = board.clock.now();
    const request = session.request(STEP, { taps: 0, candidates: 0, token: 0 }, STEPPED);
    await expect(board.clock.until(request)).rejects.toMatchObject({ code: 'board-lost' });
    expect(board.clock.now() - startMs).toBeLessThan(5500);
  });

  // Each request used to have 120 s from when it was sent, so that a queue of them failed on a slow board.
  it('gives each answer its time from the one before', async () => {
    const { board, session } = await opened();
    const stepped = encodeMessage(STEPPED, { token: 1, receipt: 2, words: new Uint32Array(0) });
    const steps = [0, 1, 2].map(
      async (token) => await session.request(STEP, { taps: 0, candidates: 0, token }, STEPPED),
    );
    const all = Promise.all(steps);
    for (let count = 0; count < steps.length; count++) {
      // The link stays alive meanwhile.
      for (let second = 0; second < 100; second++) {
        await board.clock.pass(1000);
        board.acknowledge(steps.length);
      }
      board.send(STEPPED.type, stepped);
    }
    expect(await board.clock.until(all)).toHaveLength(3);
  });

  it.skipIf(IS_ANOTHER_BOARD)('leaves a board that never answers, though its link lives', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const { session } = await line.connect();
    // The board forgets what it was asked.
    line.board.images.vacate(0);
    const reader = new FrameReader();
    line.fate = ({ to, bytes }) => {
      const isError =
        to === 'host' && reader.feed(bytes).some((event) => event.kind === 'frame' && event.frame.type === ERROR.type);
      return isError ? [] : [{ bytes }];
    };
    const request = session.request(STEP, { taps: 0, candidates: 0, token: 0 }, STEPPED);
    await expect(line.clock.until(request)).rejects.toMatchObject({ code: 'board-lost' });
    expect(line.clock.now()).toBeLessThan(130_000);
  });
});

describe('a connection', () => {
  it('looks for a lost board only so long', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    let isThere = true;
    const open = (): Promise<Transport> => {
      return isThere ? Promise.resolve(line.plugIn()) : Promise.resolve(new ScriptedBoard([]).wire());
    };
    const lost: string[] = [];
    const options = { clock: line.clock, reconnectMs: 20_000, onLost: ({ code }: { code: string }) => lost.push(code) };
    const connection = await line.clock.until(BoardConnection.open(open, options));
    isThere = false;
    line.clock.after(3, () => line.unplug());
    await expect(line.clock.until(collect(await boardSequence(connection)))).rejects.toMatchObject({
      code: 'board-lost',
    });
    expect(lost).toEqual(['board-lost']);
    expect(line.clock.now()).toBeLessThan(30_000);
  });
});
