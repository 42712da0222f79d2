/** A board that sends anything: noise, frames of every kind, messages of every type, mutated real ones. */

import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { BoardError } from '../../device/board-error.js';
import { BoardConnection } from '../../device/connection.js';
import { flashImage } from '../../device/flash-image.js';
import { readTextParts } from '../../device/read-back.js';
import type { TransportEvents } from '../../device/transport/transport.js';
import { ImageFile } from '../../model/image-file.js';
import { samplerSettings } from '../../model/integer/sampler.js';
import { encodeFrame } from '../../protocol/wire/frame.js';
import { FrameReader } from '../../protocol/wire/frame-reader.js';
import { MESSAGES } from '../../protocol/wire/messages.js';
import { BoardOnALine, TestClock } from '../helpers/board-on-a-line.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { frameOf, joined } from '../helpers/frames.js';
import { goodImage } from '../helpers/good-image.js';
import { Prng } from '../oracle/prng.js';
import { boardSequence, gathered } from '../helpers/machines.js';

// A host's nonces, so that every run is the same.
const nonce = vi.hoisted(() => ({ last: 1 }));
vi.mock('../../device/random.js', () => ({
  randomWord: () => (nonce.last = (Math.imul(nonce.last, 0x19660d) + 0x3c6ef35f) >>> 0),
}));

const INPUTS = count(25_000, 10_000_000);
const path = temporaryFolder();
const IMAGE = goodImage(1);

beforeAll(() => writeFileSync(path('image'), goodImage(2)));

/** What a host may be doing. */
const WORK: readonly ((connection: BoardConnection) => Promise<unknown>)[] = [
  async (connection) => {
    const image = ImageFile.openChecked(path('image'));
    try {
      return await flashImage(connection, image);
    } finally {
      image.close();
    }
  },
  async (connection) => {
    const backend = await boardSequence(connection);
    const sampler = samplerSettings({ temperature: 1, topK: 5, topP: 1, seed: 1n });
    for await (const token of backend.generate({ prompt: [1, 0], maxTokens: 5, sampler }))
      expect(token.id).toBeLessThan(2 ** 32);
  },
  async (connection) => {
    const sequence = await boardSequence(connection);
    await gathered(sequence.feed(promptFor(connection), { want: 'taps' }));
  },
  async (connection) => {
    const sequence = await boardSequence(connection, { capabilities: new Set(['state.1']) });
    await gathered(sequence.feed(promptFor(connection)));
    await sequence.restore(await sequence.save());
  },
  async (connection) => await readTextParts(connection.session),
  async (connection) => await connection.session.info(),
];

/** Tokens of the model that the board says it has: spoilt, it may have two. */
function promptFor({ session }: BoardConnection): number[] {
  return [1, 0, 3 % session.image.vocabSize];
}

/** Errors that say the truth about such a board. */
const HONEST = [
  'lost flapping malformed silent busy no-image other-protocol write-failed wrong-tokens refuses-image image-too-large',
  'model-too-large revision-too-old other-image not-signed signature-wrong unknown-request',
].flatMap((line) => line.split(' ').map((code) => `board-${code}`));

function randomBytes(random: Prng, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.next() & 255);
}

/** Turns what a good board says into what a bad one may: some of it changed, and hostile pieces before and behind. */
class Spoiler {
  inputs = 0;
  readonly #random: Prng;
  readonly #reader = new FrameReader();
  /** Of the good board's frames, moved on by the messages that were put between. */
  #extra = 0;
  /** How much is spoilt: noise only, or messages too. */
  readonly #isLiar: boolean;

  constructor(random: Prng) {
    this.#random = random;
    this.#isLiar = random.between(0, 3) > 0;
  }

  spoil(bytes: Uint8Array): Uint8Array {
    const pieces: Uint8Array[] = [];
    for (const event of this.#reader.feed(bytes)) {
      if (event.kind !== 'frame') continue;
      for (let left = this.#random.between(0, 40); left > 0; left--) pieces.push(this.#noise());
      const { frame } = event;
      const isData = frame.kind === 'data';
      if (isData && this.#isLiar && this.#random.between(0, 5) === 0)
        pieces.push(this.#lie(frame.sequence, frame.acknowledge));
      const sequence = isData ? (frame.sequence + this.#extra) & 255 : 0;
      const isChanged = isData && this.#isLiar && this.#random.between(0, 9) === 0;
      const payload = isChanged ? this.#changed(frame.payload) : frame.payload;
      pieces.push(encodeFrame({ ...frame, sequence, payload }, true));
    }
    return joined(pieces);
  }

  /** Never a good frame. */
  #noise(): Uint8Array {
    this.inputs++;
    const random = this.#random;
    const frame = encodeFrame(
      frameOf({ kind: 'data', type: random.next() & 255, payload: randomBytes(random, random.between(0, 12)) }),
    );
    frame[random.between(0, frame.length - 2)]! ^= 1 << random.between(0, 7);
    return random.between(0, 3) === 0 ? randomBytes(random, random.between(1, 20)) : frame;
  }

  /** A message that nobody asked for. */
  #lie(sequence: number, acknowledge: number): Uint8Array {
    this.inputs++;
    const random = this.#random;
    const message = MESSAGES[random.between(0, MESSAGES.length - 1)]!;
    const type = random.between(0, 4) === 0 ? random.next() & 255 : message.type | 0x80;
    const own = (sequence + this.#extra++) & 255;
    const payload = randomBytes(random, [0, 1, 12, 16, random.between(0, 60)][random.between(0, 4)]!);
    return encodeFrame(frameOf({ kind: 'data', type, sequence: own, acknowledge, window: 32, payload }), true);
  }

  #changed(payload: Uint8Array): Uint8Array {
    this.inputs++;
    const random = this.#random;
    const copy = payload.slice(0, random.between(0, 3) === 0 ? random.between(0, payload.length) : payload.length);
    if (copy.length > 0) copy[random.between(0, copy.length - 1)] = random.next() & 255;
    return copy;
  }
}

describe('a host', () => {
  it(
    'survives a million hostile inputs with an error that is true',
    { timeout: count(300_000, 3_600_000) },
    async () => {
      const random = new Prng(17);
      let inputs = 0;
      let sessions = 0;
      const ends = new Map<string, number>();
      while (inputs < INPUTS) {
        const clock = new TestClock();
        const line = new BoardOnALine({ image: IMAGE }, clock);
        const spoilers: Spoiler[] = [];
        const open = (): ReturnType<typeof spoilt> => {
          const spoiler = new Spoiler(random);
          spoilers.push(spoiler);
          return spoilt(line, spoiler);
        };
        const work = WORK[sessions++ % WORK.length]!;
        const end = await clock.until(attempt(open, clock, work));
        ends.set(end, (ends.get(end) ?? 0) + 1);
        inputs += spoilers.reduce((sum, spoiler) => sum + spoiler.inputs, 0);
      }
      for (const end of ends.keys()) expect([...HONEST, 'done']).toContain(end);
      // It is neither too tame nor so wild that nothing gets far.
      expect(ends.get('done')).toBeGreaterThan(sessions / 20);
      expect(ends.get('board-malformed')).toBeGreaterThan(sessions / 20);
      const told = [...ends].map(([end, times]) => `${end} ${times}`).join(', ');
      figure('wire: hostile boards', `${inputs.toLocaleString('en-US')} inputs in ${sessions} sessions: ${told}`);
    },
  );
});

/** How a host's work ended: `done`, or the code of its error. */
async function attempt(
  open: () => ReturnType<typeof spoilt>,
  clock: TestClock,
  work: (connection: BoardConnection) => Promise<unknown>,
): Promise<string> {
  let connection: BoardConnection | undefined;
  try {
    connection = await BoardConnection.open(() => Promise.resolve(open()), { clock, reconnectMs: 1000 });
    await work(connection);
    return 'done';
  } catch (error) {
    if (error instanceof BoardError) return error.code;
    throw error;
  } finally {
    await connection?.close();
  }
}

/** A wire on which what the board says is spoilt. */
function spoilt(line: BoardOnALine, spoiler: Spoiler): ReturnType<BoardOnALine['plugIn']> {
  const wire = line.plugIn();
  return {
    name: wire.name,
    isReady: true,
    start: (events: TransportEvents) =>
      wire.start({ ...events, onData: (bytes) => events.onData(spoiler.spoil(bytes)) }),
    write: (bytes) => wire.write(bytes),
    close: async () => await wire.close(),
  };
}
