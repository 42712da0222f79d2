/** A board as a machine, over wires that break more than once, and lines whose other end nobody tells of anything. */

import { describe, expect, it } from 'vitest';
import { BoardMachine, type BoardMachineOptions } from '../../../device/board/board-machine.js';
import type { BoardError } from '../../../device/board-error.js';
import { BoardConnection } from '../../../device/connection.js';
import type { Transport, TransportEvents } from '../../../device/transport/transport.js';
import { samplerSettings } from '../../../model/integer/sampler.js';
import type { Sequence } from '../../../model/machine/machine.js';
import { memorySource } from '../../../protocol/byte-source.js';
import { openImage } from '../../../protocol/image/image-reader.js';
import type { Frame } from '../../../protocol/wire/frame.js';
import { FrameReader } from '../../../protocol/wire/frame-reader.js';
import { decodeMessage } from '../../../protocol/wire/message.js';
import { RUN, STEPPED, TOKEN } from '../../../protocol/wire/messages-run.js';
import { BoardOnALine, TestClock } from '../../helpers/board-on-a-line.js';
import { count } from '../../helpers/counts.js';
import { goodImageOf } from '../../helpers/good-image.js';
import { boardSequence, gathered, referenceSequence } from '../../helpers/machines.js';
import { TINY_SHAPE, tinySections } from '../../helpers/tiny-image.js';
import { describePromises, SECTIONS as SECTIONS_OF_PROMISES } from '../../model/machine/promises.js';

const STATES = new Set(['state.1']);
const SECTIONS = tinySections(1, { ...TINY_SHAPE, vocabSize: 64, eosTokenId: 63 });
const IMAGE = goodImageOf(SECTIONS);
const SAMPLER = samplerSettings({ temperature: 2, topK: 7, topP: 0.9, seed: 9n });
const REQUEST = { prompt: [1, 0, 3], maxTokens: 40, sampler: SAMPLER };
const fedTokens = (length: number): number[] => Array.from({ length }, (_, index) => (5 * index) % 63);
const FED = fedTokens(40);

const reference = (): Promise<Sequence> => referenceSequence(SECTIONS);

/** @param onResult is called for each receipt or token */
type Work = (sequence: Sequence, onResult?: () => void) => Promise<unknown[]>;

const replayOf =
  (tokens: readonly number[]): Work =>
  async (sequence, onResult) => {
    const receipts: number[] = [];
    for await (const { receipt } of sequence.feed(tokens)) {
      receipts.push(receipt);
      onResult?.();
    }
    return receipts;
  };

const generated: Work = async (sequence, onResult) => {
  const tokens: unknown[] = [];
  for await (const token of sequence.generate(REQUEST)) {
    tokens.push(token);
    onResult?.();
  }
  return tokens;
};

type Kind = readonly [string, Work, BoardMachineOptions];
const GENERATIONS: readonly Kind[] = [
  ['a generation', generated, {}],
  ['a generation sampled here', generated, { sampling: 'host' }],
];
const KINDS: readonly Kind[] = [['a replay', replayOf(FED), {}], ...GENERATIONS];
/** From one frame at which it happens to the next: each in the long run. */
const STEP = count(3, 1);

describe('a wire that breaks again while the board is brought back to where it was', () => {
  // A replay used to start anew from the state zero then, with wrong receipts.
  it.each(KINDS)('changes nothing in %s', async (_, work, options) => {
    const expected = await work(await reference());
    const attempt = async (first: number, second: number): Promise<number> => {
      const line = new BoardOnALine({ image: IMAGE });
      const sequence = await boardSequence(await line.connect(), options);
      line.fate = ({ index, bytes }) => {
        if (index === first || index === second) line.clock.after(0, () => line.unplug());
        return [{ bytes }];
      };
      expect(await line.clock.until(work(sequence)), `lost at frames ${first} and ${second}`).toEqual(expected);
      return line.frames;
    };
    const frames = await attempt(Infinity, Infinity);
    for (let first = 2; first < frames; first += 5 * STEP) {
      for (let second = first + 1; second < first + 24; second += STEP) await attempt(first, second);
    }
  });
});

describe('a board that comes back with another image', () => {
  // Work other than a generation sampled there used to go on, half with the one image and half with the other.
  it.each(KINDS)('is found out in %s', async (_, work, options) => {
    const line = new BoardOnALine({ image: IMAGE });
    const other = new BoardOnALine({ image: goodImageOf(SECTIONS, { name: 'other' }) }, line.clock);
    let present = line;
    const open = (): Promise<Transport> => Promise.resolve(present.plugIn());
    const connection = await line.clock.until(BoardConnection.open(open, { clock: line.clock }));
    const failure = line.clock.until(
      work(await boardSequence(connection, options), () => {
        present = other;
        line.unplug();
      }),
    );
    await expect(failure).rejects.toMatchObject({ code: 'board-other-image' });
  });
});

/** Takes the wire and the power away, and gives both back. */
function shake(line: BoardOnALine): void {
  line.unplug();
  line.restart();
}

const PLACE = 12;

/** The board is shaken instead of saying its token of index 12, or its twelfth STEPPED since it started. */
function shakeAtOnePlace(line: BoardOnALine): void {
  const reader = new FrameReader();
  let steps = 0;
  const isThere = ({ type, payload }: Frame): boolean =>
    type === STEPPED.type ? ++steps === PLACE : type === TOKEN.type && decodeMessage(TOKEN, payload)?.index === PLACE;
  line.fate = ({ to, bytes }) => {
    const events = to === 'host' ? reader.feed(bytes) : [];
    if (!events.some((event) => event.kind === 'frame' && isThere(event.frame))) return [{ bytes }];
    line.clock.after(0, () => {
      shake(line);
      steps = 0;
    });
    return [];
  };
}

describe('a board that restarts again and again', () => {
  // It used to be brought back to where it was for ever.
  it.each<[...Kind, number]>([
    ['a replay', replayOf(FED), {}, 0],
    // The third STEPPED, behind the prompt, brings the token of index 0.
    ['a generation sampled here', generated, { sampling: 'host' }, PLACE - 3],
    ['a generation', generated, {}, PLACE],
  ])('is given up in %s when it gets no further', async (_, work, options, known) => {
    const line = new BoardOnALine({ image: IMAGE });
    shakeAtOnePlace(line);
    const losses: BoardError[] = [];
    const connection = await line.connect({ onLost: (error) => losses.push(error) });
    let results = 0;
    const failure = line.clock.until(work(await boardSequence(connection, options), () => results++));
    await expect(failure).rejects.toMatchObject({
      code: 'board-flapping',
      message: 'the connection to wire broke 6 times in a row',
      reason: expect.stringMatching(/The last time: The wire was taken away\.$/),
      facts: { board: 'wire', losses: 6 },
      cause: { code: 'board-lost' },
    });
    expect([losses.length, results]).toEqual([5, known]);
  });

  it.each<Kind>([['a replay', replayOf(fedTokens(200)), {}], ...GENERATIONS])(
    'is not given up in %s as long as it gets further',
    async (_, work, options) => {
      const line = new BoardOnALine({ image: IMAGE });
      const losses: BoardError[] = [];
      const connection = await line.connect({ onLost: (error) => losses.push(error) });
      const sequence = await boardSequence(connection, options);
      const results = await line.clock.until(work(sequence, () => shake(line)));
      expect(results).toEqual(await work(await reference()));
      expect(losses.length).toBeGreaterThan(10);
    },
  );
});

describe('a generation aborted while its prompt is fed', () => {
  it.each(['board', 'host'] as const)('ends, and leaves the board idle, when the %s samples', async (sampling) => {
    const line = new BoardOnALine({ image: IMAGE });
    const connection = await line.connect();
    const sequence = await boardSequence(connection, { sampling });
    const subject = await reference();
    expect(await line.clock.until(generated(sequence))).toEqual(await generated(subject));

    const abort = new AbortController();
    line.clock.after(20, () => abort.abort());
    const request = { ...REQUEST, prompt: FED.flatMap(() => FED).slice(0, 900), signal: abort.signal };
    const run = async (): Promise<void> => {
      for await (const token of sequence.generate(request)) throw new Error(`token ${token.index} came`);
    };
    await line.clock.until(run());
    expect(await line.clock.until(connection.session.info())).toMatchObject({ state: 'idle' });
    // What was fed before still counts.
    expect(await line.clock.until(generated(sequence))).toEqual(await generated(subject));
  });
});

/** A serial line: the board's end stays when hosts come and go, and tells nobody of it. */
function serialPort(line: BoardOnALine): () => Promise<Transport> {
  const wire = line.plugIn();
  let present: TransportEvents | undefined;
  wire.start({ onData: (bytes) => present?.onData(bytes), onReady: () => {}, onLost: () => {} });
  return () => {
    let own: TransportEvents | undefined;
    return Promise.resolve({
      name: 'serial',
      isReady: true,
      start: (events) => (present = own = events),
      write: (bytes) => {
        if (present === own) wire.write(bytes);
      },
      close: () => {
        if (present === own) present = undefined;
        return Promise.resolve();
      },
    });
  };
}

describe('a generation over a serial line', () => {
  it.each<[string, (line: BoardOnALine) => void]>([
    ['the board restarts', (line) => line.restart()],
    [
      'the line is dead for 7 s',
      (line) => {
        const healthy = line.fate;
        line.fate = () => [];
        line.clock.after(7000, () => (line.fate = healthy));
      },
    ],
  ])('is the same when at any frame %s', async (_, happen) => {
    const expected = await generated(await reference());
    const attempt = async (at: number): Promise<number> => {
      const line = new BoardOnALine({ image: IMAGE });
      const opening = BoardConnection.open(serialPort(line), { clock: line.clock });
      const sequence = await boardSequence(await line.clock.until(opening));
      line.fate = ({ index, bytes }) => {
        if (index === at) line.clock.after(0, () => happen(line));
        return [{ bytes }];
      };
      expect(await line.clock.until(generated(sequence)), `at frame ${at}`).toEqual(expected);
      return line.frames;
    };
    const frames = await attempt(Infinity);
    for (let at = 3; at < frames; at++) await attempt(at);
  });

  it('belongs to the host that opens it last', async () => {
    const expected = await generated(await reference());
    for (let startedMs = 0; startedMs < 30; startedMs++) {
      const line = new BoardOnALine({ image: IMAGE });
      const open = serialPort(line);
      const options = { clock: line.clock, reconnectMs: 0 };
      const first = await line.clock.until(BoardConnection.open(open, options));
      const lost = generated(await boardSequence(first)).catch((error: unknown) => error);
      await line.clock.pass(startedMs);
      const second = await line.clock.until(BoardConnection.open(open, options));
      expect(await line.clock.until(generated(await boardSequence(second)))).toEqual(expected);
      await line.clock.until(lost);
    }
  });
});

describe('a board that takes few tokens at a time', () => {
  // It used to be sent up to 1,000.
  it('is sent no more than it says', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const connection = await line.connect();
    Object.assign(connection.session.hello.limits, { promptTokens: 7 });
    const counts: number[] = [];
    const reader = new FrameReader();
    line.fate = ({ to, bytes }) => {
      for (const event of to === 'board' ? reader.feed(bytes) : []) {
        if (event.kind !== 'frame' || event.frame.type !== RUN.type) continue;
        counts.push(decodeMessage(RUN, event.frame.payload)!.tokens.length);
      }
      return [{ bytes }];
    };
    const request = { ...REQUEST, prompt: fedTokens(30) };
    const sequence = await boardSequence(connection);
    const found = await line.clock.until(gathered(sequence.generate(request)));
    expect(counts).toEqual([7, 7, 7, 7, 1, 1]);
    expect(found).toEqual(await gathered((await reference()).generate(request)));
  });
});

const clock = new TestClock();

const IMAGE_OF_PROMISES = openImage(memorySource(goodImageOf(SECTIONS_OF_PROMISES))).seal.sha256;

describe.each<[string, Omit<BoardMachineOptions, 'eosTokenIds'>, ('logits' | 'state')[]]>([
  ['board', {}, ['logits', 'state']],
  ['board that gives states', { capabilities: STATES }, ['logits']],
])('as a %s', (name, options, cannot) => {
  describePromises(name, {
    make: async (sections) => {
      const line = new BoardOnALine({ image: goodImageOf(sections) }, clock);
      const open = (): Promise<Transport> => Promise.resolve(line.plugIn());
      // HELLO names one token that ends a text; who opens a board knows the others from the image.
      const { eosTokenIds } = sections.shape;
      return new BoardMachine(await BoardConnection.open(open, { clock }), { ...options, eosTokenIds });
    },
    within: async (work) => await clock.until(work),
    image: IMAGE_OF_PROMISES,
    cannot,
  });
});
