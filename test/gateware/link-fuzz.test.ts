/**
 * Hostile bytes against the gateware's link: whatever came before, it counts bad frames as the protocol's reader does,
 * sends well-formed frames only, and answers the next host.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc32 } from '../../protocol/crc32.js';
import { cobsBound, cobsEncode } from '../../protocol/wire/cobs.js';
import { encodeFrame } from '../../protocol/wire/frame.js';
import type { Frame } from '../../protocol/wire/frame.js';
import { FrameReader } from '../../protocol/wire/frame-reader.js';
import { decodeMessage, encodeMessage } from '../../protocol/wire/message.js';
import { ERROR, HELLO } from '../../protocol/wire/messages-board.js';
import { DONE, RESET, STEP, STEPPED } from '../../protocol/wire/messages-run.js';
import { synPayload } from '../../protocol/wire/opening.js';
import { count, figure } from '../helpers/counts.js';
import { bytes, frameOf, joined } from '../helpers/frames.js';
import { CLOCKS_PER_MS, ExpectedResults, LinkSimulation } from '../helpers/link-simulation.js';
import { HAS_VERILATOR, verilate } from '../helpers/verilator.js';
import { Prng } from '../oracle/prng.js';

const SHAPE = { vocabulary: 70, hasImage: true, layers: 1, hidden: 3, workClocks: 200 };
const FRAMES = count(8_000, 100_000);
const FRAMES_AT_ONCE = 250;
/** Time for everything that the board has to say: two HELLOs, and a token. */
const QUIET_CLOCKS = 8000;

const random = new Prng(3);
const helloBytes = Uint8Array.from({ length: 600 }, () => random.between(-60, 255));
let program: string;
let chip: LinkSimulation;
/** Counts bad frames as the chip should. */
let reader: FrameReader;
let fromBoard: FrameReader;
let expectedBad: number;
let nonce = 1;

beforeAll(async () => {
  if (HAS_VERILATOR) program = await verilate('link_sim');
}, 180_000);

/** A byte a clock, much faster than any line. */
async function freshChip(): Promise<void> {
  await chip?.close();
  chip = new LinkSimulation(program, 1);
  chip.hello(helloBytes);
  chip.shape(SHAPE);
  reader = new FrameReader();
  fromBoard = new FrameReader();
  expectedBad = 0;
}

afterAll(async () => {
  await chip?.close();
});

/** Sends bytes, lets the board finish, and returns its frames, all of which must be good. */
async function exchange(line: Uint8Array): Promise<Frame[]> {
  for (const { kind } of reader.feed(line)) if (kind === 'bad') expectedBad++;
  const answer = await chip.advance(line.length + QUIET_CLOCKS, line);
  expect(answer.badFrames).toBe(expectedBad);
  return fromBoard.feed(answer.bytes).map((event) => {
    if (event.kind !== 'frame') throw new Error(`the board sends ${JSON.stringify(event)}`);
    return event.frame;
  });
}

const messages = (frames: readonly Frame[]): Frame[] => frames.filter(({ kind }) => kind === 'data');

/** A host that comes now is served: SYN, HELLO, RESET and STEP with the right results. */
async function expectService(): Promise<void> {
  nonce++;
  const opened = await exchange(encodeFrame(frameOf({ kind: 'syn', window: 8, payload: synPayload(nonce) }), true));
  const synAcks = opened.filter(({ kind }) => kind === 'syn-ack');
  expect(Buffer.from(synAcks.at(-1)!.payload).readUInt32LE()).toBe(nonce);
  const hello = messages(opened).find(({ type }) => type === HELLO.type);
  expect([hello?.sequence, hello?.payload]).toEqual([0, helloBytes]);
  const ask = async (sequence: number, type: number, payload: Uint8Array): Promise<Frame> => {
    const acknowledge = sequence + 1;
    const frame = frameOf({ kind: 'data', type, sequence, acknowledge, window: 8, payload });
    const [answer, ...more] = messages(await exchange(encodeFrame(frame)));
    expect([answer?.sequence, answer?.acknowledge, more]).toEqual([acknowledge, acknowledge, []]);
    return answer!;
  };
  expect((await ask(0, RESET.type, new Uint8Array(0))).type).toBe(DONE.type);
  const token = random.between(0, SHAPE.vocabulary - 1);
  const answer = await ask(1, STEP.type, encodeMessage(STEP, { taps: 1, candidates: 2, token }));
  const { receipt, taps, largest } = new ExpectedResults(SHAPE).step(token);
  const words = [...taps, ...largest.slice(0, 2).flatMap(({ id, logit }) => [id, logit >>> 0])];
  expect(decodeMessage(STEPPED, answer.payload)).toEqual({
    token: largest[0]!.id,
    receipt,
    words: Uint32Array.from(words),
  });
}

const octets = (most: number, fewest = 0): Uint8Array =>
  Uint8Array.from({ length: random.between(fewest, most) }, () => random.between(-40, 255));

/** A frame with a right CRC; most are as they must be, many of them in step with a session. */
function crafted(): Uint8Array {
  const kind = random.between(0, 19) === 0 ? random.between(0, 255) : random.between(0, 5);
  const isOdd = random.between(0, 9) === 0;
  const isData = kind === 0 || isOdd;
  const head = [
    kind,
    isData ? [STEP.type, RESET.type, random.between(0, 255)][random.between(0, 2)]! : 0,
    isData ? random.between(0, 3) : 0,
    isData || kind === 1 ? random.between(0, 3) : 0,
    random.between(0, isOdd ? 34 : 32),
    (isOdd || kind === 1) && random.between(0, 3) === 0 ? 1 : 0,
  ];
  return framed(joined([Uint8Array.from(head), isOdd ? octets(20) : payloadOf(kind)]));
}

function payloadOf(kind: number): Uint8Array {
  switch (kind) {
    case 0: {
      const step = { taps: random.between(0, 1), candidates: random.between(0, 64), token: random.between(0, 80) };
      return random.between(0, 2) > 0 ? encodeMessage(STEP, step) : octets(random.between(0, 60) === 0 ? 4096 : 12);
    }
    case 2:
      return synPayload(random.between(0, 1) === 0 ? nonce : 0xf000_0000 + random.between(0, 9));
    case 3:
      return octets(4, 4);
    case 4:
      return octets(8, 8);
    default:
      return octets(0);
  }
}

/** Any bytes with their CRC, on the line. */
function framed(content: Uint8Array): Uint8Array {
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(content));
  const whole = joined([content, crc]);
  const line = new Uint8Array(cobsBound(whole.length) + 1);
  return line.subarray(0, cobsEncode(whole, line) + 1);
}

/** Flipped, cut, torn, doubled or split. */
function mutated(frame: Uint8Array): Uint8Array {
  const at = random.between(0, frame.length - 1);
  const copy = frame.slice();
  switch (random.between(0, 5)) {
    case 0:
      copy[at]! ^= 1 << random.between(0, 7);
      return copy;
    case 1:
      return copy.subarray(0, at);
    case 2:
      return copy.subarray(at);
    case 3:
      return joined([copy.subarray(0, at), copy]);
    case 4:
      copy[at] = 0;
      return copy;
    default:
      return joined([copy.subarray(0, at), octets(4), copy.subarray(at)]);
  }
}

function hostile(): Uint8Array {
  switch (random.between(0, 9)) {
    case 0:
      return joined([octets(60), Uint8Array.of(0)]);
    case 1:
      return random.between(0, 30) === 0 ? joined([new Uint8Array(5000).fill(2), Uint8Array.of(0)]) : crafted();
    case 2:
    case 3:
    case 4:
      return mutated(crafted());
    default:
      return crafted();
  }
}

describe.skipIf(!HAS_VERILATOR)('the gateware under fire', () => {
  it('is never wedged, and counts bad frames as the protocol does', { timeout: 300_000 }, async () => {
    await freshChip();
    await expectService();
    for (let sent = 0; sent < FRAMES; sent += FRAMES_AT_ONCE) {
      await exchange(joined(Array.from({ length: FRAMES_AT_ONCE }, hostile)));
      await expectService();
    }
    const found = `${FRAMES.toLocaleString('en-US')} random and mutated frames, ${expectedBad} of them bad`;
    console.log(`gateware: ${found}`);
    figure('gateware under fire, every bad frame counted', found);
  });

  it('serves the last of 5,000 hosts that come in the same moment', async () => {
    await freshChip();
    const syns = Array.from({ length: 5000 }, (_, index) =>
      encodeFrame(frameOf({ kind: 'syn', window: 8, payload: synPayload(1e6 + index) })),
    );
    await exchange(joined(syns));
    await expectService();
  });

  it('answers the frames of the document', async () => {
    await freshChip();
    const syn = bytes('02 02 01 01 02 20 07 6d 6d 66 72 65 65 0a 01 78 56 34 12 48 49 76 72 00');
    await exchange(syn);
    const again = await chip.advance(QUIET_CLOCKS, syn);
    expect(Buffer.from(again.bytes).toString('hex')).toContain('02030101020109785634121e58c84d00');
  });

  it('ends sessions that it does not have', async () => {
    await freshChip();
    const sent = await exchange(encodeFrame(frameOf({ kind: 'ack', acknowledge: 3, window: 8 })));
    expect(sent.map(({ kind }) => kind)).toEqual(['end']);
    expect(await exchange(encodeFrame(frameOf({ kind: 'end' })))).toEqual([]);
  });

  it('ends a session whose host was silent for 5 s, and not before', async () => {
    await freshChip();
    nonce++;
    await exchange(encodeFrame(frameOf({ kind: 'syn', window: 8, payload: synPayload(nonce) }), true));
    const ack = encodeFrame(frameOf({ kind: 'ack', acknowledge: 1, window: 8 }));
    expect((await exchange(ack)).map(({ kind }) => kind)).not.toContain('end');
    for (const { kind } of fromBoard.feed((await chip.advance(4800 * CLOCKS_PER_MS)).bytes)) expect(kind).toBe('frame');
    expect((await exchange(ack)).map(({ kind }) => kind)).not.toContain('end');
    for (const { kind } of fromBoard.feed((await chip.advance(5300 * CLOCKS_PER_MS)).bytes)) expect(kind).toBe('frame');
    expect((await exchange(ack)).map(({ kind }) => kind)).toEqual(['end']);
  });

  it('takes no frame of more than 4,106 bytes', async () => {
    await freshChip();
    nonce++;
    await exchange(encodeFrame(frameOf({ kind: 'syn', window: 8, payload: synPayload(nonce) }), true));
    const data = (payload: number): Uint8Array => joined([bytes('00 77 00 01 08 00'), new Uint8Array(payload)]);
    // Also where its counter would be back at a length that is allowed.
    for (const payload of [4097, 8192, 8200]) expect(messages(await exchange(framed(data(payload))))).toEqual([]);
    expect(messages(await exchange(framed(data(4096)))).map(({ type }) => type)).toEqual([ERROR.type]);
  });

  it('says what is malformed, with its length', async () => {
    await freshChip();
    nonce++;
    await exchange(encodeFrame(frameOf({ kind: 'syn', window: 8, payload: synPayload(nonce) }), true));
    const cases: readonly (readonly [number, Uint8Array, number, number])[] = [
      [RESET.type, new Uint8Array(1), 2, 1],
      [STEP.type, new Uint8Array(4096), 2, 4096],
      [STEP.type, new Uint8Array(7), 2, 7],
      [STEP.type, bytes('02 00 00 00 01 00 00 00'), 2, 8],
      [STEP.type, bytes('00 41 00 00 01 00 00 00'), 2, 8],
      [STEP.type, bytes('00 00 01 00 01 00 00 00'), 2, 8],
      [STEP.type, bytes('00 00 00 01 01 00 00 00'), 2, 8],
      [STEP.type, bytes('01 40 00 00 46 00 00 00'), 5, 70],
      [STEP.type, bytes('01 40 00 00 00 00 01 00'), 5, 65_536],
      [STEP.type, bytes('01 40 00 00 01 00 00 80'), 5, 0x8000_0001],
      [0x77, new Uint8Array(4096), 1, 0],
    ];
    for (const [sequence, [type, payload, code, fact]] of cases.entries()) {
      const acknowledge = sequence + 1;
      const frame = frameOf({ kind: 'data', type, sequence, acknowledge, window: 8, payload });
      const [answer] = messages(await exchange(encodeFrame(frame)));
      expect(answer?.type).toBe(ERROR.type);
      const factB = code === 5 ? SHAPE.vocabulary : 0;
      expect(decodeMessage(ERROR, answer!.payload)).toMatchObject({ code, request: type, factA: fact, factB });
      // It has told a window of 0, because an ERROR repeats what is in its buffer.
      const [open] = await exchange(encodeFrame(frameOf({ kind: 'ack', acknowledge: sequence + 2, window: 8 })));
      expect(open).toMatchObject({ kind: 'ack', acknowledge, window: 1 });
    }
  });
});
