/** Boards that give states: what a power cut costs, what reading costs, and boards that lie about their states. */

import { describe, expect, it } from 'vitest';
import type { BoardMachineOptions } from '../../../device/board/board-machine.js';
import type { BoardError } from '../../../device/board-error.js';
import { samplerSettings } from '../../../model/integer/sampler.js';
import type { GeneratedToken, GenerateRequest, Sequence } from '../../../model/machine/machine.js';
import { encodeFrame, type Frame } from '../../../protocol/wire/frame.js';
import { FrameReader } from '../../../protocol/wire/frame-reader.js';
import {
  STATE_DATA,
  STATE_KEEP,
  STATE_KEPT,
  STATE_READ,
  STATE_TAKE,
} from '../../../protocol/wire/groups/messages-state.js';
import { RESET, STEPPED } from '../../../protocol/wire/messages-run.js';
import { BoardOnALine, countMessages, slow } from '../../helpers/board-on-a-line.js';
import { IS_ANOTHER_BOARD } from '../../helpers/c-board.js';
import { count, figure } from '../../helpers/counts.js';
import { framesIn } from '../../helpers/frames.js';
import { goodImageOf } from '../../helpers/good-image.js';
import { boardSequence, gathered, referenceSequence } from '../../helpers/machines.js';
import { TINY_SHAPE, tinySections } from '../../helpers/tiny-image.js';

const SECTIONS = tinySections(1, { ...TINY_SHAPE, vocabSize: 64, eosTokenId: 63 });
const IMAGE = goodImageOf(SECTIONS);
const SAMPLER = samplerSettings({ temperature: 2, topK: 7, topP: 0.9, seed: 9n });
const REQUEST = { prompt: [1, 0, 3], maxTokens: 100, sampler: SAMPLER };
/** Of tales-9m, about. */
const WORK_MS = 2.6;

const STATES: BoardMachineOptions = { capabilities: new Set(['state.1']) };
const KINDS: readonly [string, BoardMachineOptions][] = [
  ['sampled there', STATES],
  ['sampled here', { ...STATES, sampling: 'host' }],
];

const expectedTokens = async (request: GenerateRequest = REQUEST): Promise<GeneratedToken[]> =>
  await gathered((await referenceSequence(SECTIONS)).generate(request));

/** Another payload in all messages of a type from the board. */
function rewrite(line: BoardOnALine, type: number, change: (payload: Uint8Array) => void): void {
  const reader = new FrameReader();
  line.fate = ({ to, bytes }) => {
    if (to === 'board') return [{ bytes }];
    return framesIn(reader.feed(bytes)).map((frame: Frame) => {
      if (frame.type !== type) return { bytes: encodeFrame(frame) };
      const payload = frame.payload.slice();
      change(payload);
      return { bytes: encodeFrame({ ...frame, payload }) };
    });
  };
}

/** Power and wire fail. */
function cut(line: BoardOnALine): void {
  line.unplug();
  line.restart();
}

interface Found {
  readonly tokens: GeneratedToken[];
  /** Tokens that the board computed until the first one after the cut. */
  readonly fed: number;
  readonly losses: readonly BoardError[];
}

/** A generation with a power cut when so many tokens have come. */
async function cutAt(at: number, request: GenerateRequest, options: BoardMachineOptions): Promise<Found> {
  const line = new BoardOnALine({ image: IMAGE, workMs: WORK_MS });
  const losses: BoardError[] = [];
  const connection = await line.connect({ onLost: (error) => losses.push(error) });
  const sequence = await boardSequence(connection, options);
  const tokens: GeneratedToken[] = [];
  let fed = -1;
  const run = async (): Promise<void> => {
    for await (const token of sequence.generate(request)) {
      tokens.push(token);
      if (tokens.length === at) cut(line);
      if (losses.length > 0 && fed < 0) fed = (await connection.session.info()).steps;
    }
  };
  await line.clock.until(run());
  return { tokens, fed, losses };
}

/** No text of this image ends before. */
const LONG = {
  prompt: [1, 0, 3],
  maxTokens: 2010,
  sampler: samplerSettings({ temperature: 2, topK: 2, topP: 1, seed: 4n }),
};

describe('a power cut', () => {
  // How seldom a state is read is a matter of a board's pace: here of that of the board in TypeScript.
  it.skipIf(IS_ANOTHER_BOARD).each<[string, number, number, BoardMachineOptions]>([
    ['at token 2,000 costs at most 64 tokens', 2000, 64, STATES],
    // In the time of this test a step takes none, so that a state is read more seldom.
    ['costs at most 120 tokens that are sampled here', count(300, 2000), 120, { ...STATES, sampling: 'host' }],
  ])('%s', async (title, at, most, options) => {
    const request = { ...LONG, maxTokens: at + 10 };
    const { tokens, fed, losses } = await cutAt(at, request, options);
    expect(tokens).toHaveLength(request.maxTokens);
    expect(tokens).toEqual(await expectedTokens(request));
    expect(losses).toHaveLength(1);
    expect(fed).toBeLessThanOrEqual(most);
    figure(`a power cut ${title}`, `${fed}`);
  });

  it('costs all of them on a board without states', async () => {
    const { tokens, fed } = await cutAt(200, { ...LONG, maxTokens: 230 }, {});
    expect(tokens).toEqual(await expectedTokens({ ...LONG, maxTokens: 230 }));
    expect(fed).toBeGreaterThan(200);
  });

  it.each(KINDS)('after any token changes nothing, %s', async (_, options) => {
    const expected = await expectedTokens();
    for (let at = 1; at < REQUEST.maxTokens; at += count(13, 1)) {
      expect((await cutAt(at, REQUEST, options)).tokens, `after token ${at}`).toEqual(expected);
    }
  });

  it.each(KINDS)(
    'at any frame changes nothing, of a text that is saved, restored and goes on, %s',
    async (_, options) => {
      const texts = await referenceSequence(SECTIONS);
      const expected = await talk(texts);
      const attempt = async (at: number): Promise<number> => {
        const line = new BoardOnALine({ image: IMAGE, workMs: WORK_MS });
        const sequence = await boardSequence(await line.connect(), options);
        line.fate = ({ index, bytes }) => {
          if (index === at) line.clock.after(0, () => cut(line));
          return [{ bytes }];
        };
        expect(await line.clock.until(talk(sequence)), `at frame ${at}`).toEqual(expected);
        return line.frames;
      };
      const frames = await attempt(Infinity);
      for (let at = 2; at < frames; at += count(31, 1)) await attempt(at);
    },
  );

  it('brings back no state of a text that was left', async () => {
    for (let left = 30; left < 40; left += count(3, 1)) {
      // The board is ahead of the caller, or a state is on its way.
      for (const pauseMs of [0, 300]) {
        const line = new BoardOnALine({ image: IMAGE, workMs: WORK_MS });
        const sequence = await boardSequence(await line.connect(), STATES);
        const subject = await referenceSequence(SECTIONS);
        const talkTwice = async (text: Sequence, pause: () => Promise<void>, atEnd: () => void): Promise<unknown[]> => {
          const found: unknown[] = [];
          for await (const token of text.generate(REQUEST)) {
            found.push(token);
            if (found.length === left) break;
            if (found.length > 30) await pause();
          }
          for await (const token of text.generate({ ...REQUEST, prompt: [9], maxTokens: 90 })) {
            found.push(token);
            if (token.index % 25 === 0) atEnd();
          }
          return found;
        };
        const pause = async (): Promise<void> => {
          await new Promise<void>((resolve) => void line.clock.after(pauseMs, resolve));
        };
        const found = line.clock.until(talkTwice(sequence, pause, () => cut(line)));
        const expected = talkTwice(
          subject,
          async () => {},
          () => {},
        );
        expect(await found, `left at ${left}`).toEqual(await expected);
      }
    }
  });

  // The board, whose state was zero again, used to be taken for one that still had it.
  it.each<[string, BoardMachineOptions]>([...KINDS, ['without states', {}]])(
    'between two generations is found out, %s',
    async (_, options) => {
      const line = new BoardOnALine({ image: IMAGE });
      const [sequence, subject] = [
        await boardSequence(await line.connect(), options),
        await referenceSequence(SECTIONS),
      ];
      for (const prompt of [[1, 0, 3], [5]]) {
        const request = { ...REQUEST, prompt };
        expect(await line.clock.until(gathered(sequence.generate(request)))).toEqual(
          await gathered(subject.generate(request)),
        );
        cut(line);
      }
    },
  );
});

/** Something of everything that a sequence can do. */
async function talk(sequence: Sequence): Promise<unknown[]> {
  const found: unknown[] = await gathered(sequence.generate({ ...REQUEST, maxTokens: 70 }));
  const state = await sequence.save();
  found.push(state, await gathered(sequence.feed([9, 8, 7])));
  await sequence.restore(state);
  for await (const token of sequence.generate({ ...REQUEST, prompt: [4, 4] })) {
    found.push(token);
    if (token.index === 110) break;
  }
  return [...found, await gathered(sequence.generate({ ...REQUEST, prompt: [], maxTokens: 9 })), await sequence.save()];
}

describe('reading states', () => {
  it.each([
    ['a fast line', Infinity],
    ['a slow line', 5],
    ['a line that is slower than the board', 1],
  ])('costs at most 2 of 100 ms on %s', async (name, bytesPerMs) => {
    const timeOf = async (options: BoardMachineOptions): Promise<[number, number]> => {
      const line = new BoardOnALine({ image: IMAGE, workMs: WORK_MS });
      const connection = await line.connect();
      if (bytesPerMs !== Infinity) line.fate = slow(line, bytesPerMs);
      const messages = countMessages(line);
      const sequence = await boardSequence(connection, options);
      const startMs = line.clock.now();
      const maxTokens = count(700, 10_000);
      const tokens = await line.clock.until(gathered(sequence.generate({ ...LONG, maxTokens })));
      expect(tokens).toHaveLength(maxTokens);
      return [line.clock.now() - startMs, messages.get(STATE_KEEP.type) ?? 0];
    };
    const [without] = await timeOf({});
    const [withStates, readings] = await timeOf(STATES);
    expect(readings).toBeGreaterThan(1);
    // Without the first one, which shows what it costs.
    expect((withStates - without) / without).toBeLessThan(0.025);
    figure(
      `reading states on ${name}`,
      `${readings} readings, ${((100 * (withStates - without)) / without).toFixed(2)} % of the time`,
    );
  });

  // It used to be 30 s: a request that waits is given up then.
  it('loses no board when the caller takes his time', async () => {
    const line = new BoardOnALine({ image: IMAGE, workMs: WORK_MS });
    const losses: BoardError[] = [];
    const sequence = await boardSequence(await line.connect({ onLost: (error) => losses.push(error) }), STATES);
    const messages = countMessages(line);
    const tokens: GeneratedToken[] = [];
    const run = async (): Promise<void> => {
      for await (const token of sequence.generate(LONG)) {
        tokens.push(token);
        if (tokens.length % 3 === 0) await new Promise<void>((resolve) => void line.clock.after(45_000, resolve));
        if (tokens.length === 240) return;
      }
    };
    await line.clock.until(run(), 1e9);
    expect(tokens).toEqual((await expectedTokens(LONG)).slice(0, 240));
    expect(losses).toEqual([]);
    expect(messages.get(STATE_READ.type)).toBeGreaterThan(4);
  });

  // A single answer used to tell what all of them take: hardly a state was read of a board that answers at once.
  it('is not put off by first answers that come late', async () => {
    const sections = tinySections(1, { ...TINY_SHAPE, vocabSize: 64, eosTokenId: 63, hiddenSize: 16, layers: 16 });
    const line = new BoardOnALine({ image: goodImageOf(sections), workMs: WORK_MS });
    const connection = await line.connect();
    const messages = countMessages(line);
    const { fate } = line;
    const reader = new FrameReader();
    let lateMs = 128;
    line.fate = (frame) => {
      const isState =
        frame.to === 'host' && framesIn(reader.feed(frame.bytes)).some(({ type }) => type === STATE_DATA.type);
      if (!isState) return fate(frame);
      lateMs /= 4;
      return [{ bytes: frame.bytes, lateMs }];
    };
    const sequence = await boardSequence(connection, STATES);
    await line.clock.until(gathered(sequence.generate({ ...LONG, maxTokens: 300 })));
    expect(messages.get(STATE_KEEP.type)).toBeGreaterThan(5);
  });

  // A slow moment at the beginning used to count for good.
  it('is found out to be cheap behind a slow moment', async () => {
    const sections = tinySections(1, { ...TINY_SHAPE, vocabSize: 64, eosTokenId: 63, hiddenSize: 16, layers: 16 });
    const line = new BoardOnALine({ image: goodImageOf(sections), workMs: WORK_MS });
    const connection = await line.connect();
    const messages = countMessages(line);
    const { fate } = line;
    line.fate = (frame) =>
      fate(frame).map((piece) => ({ ...piece, lateMs: messages.get(STATE_KEEP.type) === 1 ? 60 : 0 }));
    const sequence = await boardSequence(connection, STATES);
    let tokens = 0;
    const readingsAfter = async (more: number): Promise<number> => {
      const before = messages.get(STATE_KEEP.type) ?? 0;
      for (const end = tokens + more; tokens < end;) {
        const request = { ...LONG, prompt: [1], maxTokens: end - tokens };
        for await (const _ of sequence.generate(request)) tokens++;
      }
      return messages.get(STATE_KEEP.type)! - before;
    };
    expect(await line.clock.until(readingsAfter(600))).toBeLessThan(5);
    expect(await line.clock.until(readingsAfter(3000))).toBeGreaterThan(20);
  });

  it('is not tried with a board that is not known to give them', async () => {
    const line = new BoardOnALine({ image: IMAGE, workMs: WORK_MS });
    const messages = countMessages(line);
    await line.clock.until(gathered((await boardSequence(await line.connect())).generate(REQUEST)));
    expect([messages.has(STATE_KEEP.type), messages.has(RESET.type)]).toEqual([false, true]);
  });
});

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset);

describe('a board that lies about its state', () => {
  it.each<[string, number, (payload: Uint8Array) => void, string]>([
    [
      'another position',
      STATE_KEPT.type,
      (bytes) => view(bytes).setUint32(0, 7, true),
      'its state is that after 7 tokens instead of 3',
    ],
    ['another size', STATE_KEPT.type, (bytes) => view(bytes).setUint32(4, 7, true), 'its state has 7 words instead of'],
    [
      'another checksum',
      STATE_KEPT.type,
      (bytes) => void (bytes[8]! ^= 1),
      'the words of a state have another checksum',
    ],
    ['another word', STATE_DATA.type, (bytes) => void (bytes[4]! ^= 1), 'the words of a state have another checksum'],
    [
      'other words than asked',
      STATE_DATA.type,
      (bytes) => view(bytes).setUint32(0, 1, true),
      'a STATE_DATA has other words',
    ],
    [
      'words that the arithmetic cannot make',
      STATE_DATA.type,
      (bytes) => view(bytes).setInt32(4, -(2 ** 31), true),
      'a STATE_DATA has the wrong length or values',
    ],
  ])('with %s is found out when it is saved', async (_, type, change, problem) => {
    const line = new BoardOnALine({ image: IMAGE });
    const sequence = await boardSequence(await line.connect(), STATES);
    await line.clock.until(gathered(sequence.feed([1, 0, 3])));
    rewrite(line, type, change);
    const failure = line.clock.until(sequence.save()).catch((error: unknown) => error);
    expect(await failure).toMatchObject({
      code: 'board-malformed',
      reason: expect.stringContaining(problem.replace(/^./, (letter) => letter.toUpperCase())),
    });
  });

  it('while it generates is found out', async () => {
    const line = new BoardOnALine({ image: IMAGE, workMs: WORK_MS });
    const sequence = await boardSequence(await line.connect(), STATES);
    await line.clock.until(gathered(sequence.feed([1, 0, 3])));
    rewrite(line, STATE_KEPT.type, (bytes) => view(bytes).setUint32(0, 1, true));
    await expect(line.clock.until(gathered(sequence.generate({ ...REQUEST, prompt: [2] })))).rejects.toMatchObject({
      code: 'board-malformed',
    });
  });

  it('and computes something else behind it than before the cut is found out', async () => {
    const line = new BoardOnALine({ image: IMAGE, workMs: WORK_MS });
    const sequence = await boardSequence(await line.connect(), STATES);
    const work = async (): Promise<void> => {
      for await (const { index } of sequence.generate(REQUEST)) {
        if (index !== 60) continue;
        rewrite(line, STEPPED.type, (bytes) => void (bytes[4]! ^= 1));
        cut(line);
      }
    };
    await expect(line.clock.until(work())).rejects.toMatchObject({
      code: 'board-wrong-tokens',
      message: 'wire computes other tokens than before the connection broke',
      facts: { position: expect.any(Number) },
    });
  });

  it('and refuses to take it is reported as one that breaks the protocol', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const sequence = await boardSequence(await line.connect(), STATES);
    await line.clock.until(gathered(sequence.feed([1, 0, 3])));
    const state = await line.clock.until(sequence.save());
    spoilRequest(line, STATE_TAKE.type, (bytes) => void (bytes[4]! ^= 1));
    await expect(line.clock.until(sequence.restore(state))).rejects.toMatchObject({
      code: 'board-malformed',
      facts: { board_code: 17 },
    });
    line.fate = ({ bytes }) => [{ bytes }];
    // What was before is still there.
    expect(await line.clock.until(gathered(sequence.feed([4])))).toEqual(
      (await gathered((await referenceSequence(SECTIONS)).feed([1, 0, 3, 4]))).slice(-1),
    );
  });
});

/** Another payload in all messages of a type to the board. */
function spoilRequest(line: BoardOnALine, type: number, change: (payload: Uint8Array) => void): void {
  const reader = new FrameReader();
  line.fate = ({ to, bytes }) => {
    if (to === 'host') return [{ bytes }];
    return framesIn(reader.feed(bytes)).map((frame: Frame) => {
      const payload = frame.payload.slice();
      if (frame.type === type) change(payload);
      return { bytes: encodeFrame({ ...frame, payload }) };
    });
  };
}
