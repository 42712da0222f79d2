/**
 * The gateware's link against the host's session: the Verilog of gateware/rtl and the real protocol, in virtual time.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BoardConnection } from '../../device/connection.js';
import { SCHEMA } from '../../protocol/wire/message-schema.js';
import type { BoardSession } from '../../device/session.js';
import { encodeMapMessage } from '../../protocol/wire/message.js';
import { GET_INFO, HELLO, INFO } from '../../protocol/wire/messages-board.js';
import type { Hello } from '../../protocol/wire/messages-board.js';
import { DONE, partsOfStepped, RESET, STEP, STEPPED } from '../../protocol/wire/messages-run.js';
import { count } from '../helpers/counts.js';
import { frameFaults } from '../helpers/frame-faults.js';
import { GatewareOnALine } from '../helpers/gateware-on-a-line.js';
import { ExpectedResults, LinkSimulation } from '../helpers/link-simulation.js';
import { HAS_VERILATOR, verilate } from '../helpers/verilator.js';
import { Prng } from '../oracle/prng.js';
import { boardSequence } from '../helpers/machines.js';

const SHAPE = { vocabulary: 100, hasImage: true, layers: 3, hidden: 5, workClocks: 3000 };

const SIZES = { vocabSize: SHAPE.vocabulary, hiddenSize: SHAPE.hidden, intermediateSize: 8, layers: SHAPE.layers };
/** From one frame at which it happens to the next: each in the long run. */
const EVERY = count(3, 1);

const IMAGE: NonNullable<Hello['image']> = {
  name: 'made up',
  sha256: new Uint8Array(32).fill(7),
  revision: 1,
  confirmed: true,
  ...SIZES,
  bosTokenId: 0,
  eosTokenId: 1,
};

const HELLO_VALUE: Hello = {
  protocol: 1,
  schema: SCHEMA,
  board: 'simulated',
  serial: 'L-1',
  firmware: '0',
  bootNonce: 0x0100_0000,
  limits: { ...SIZES, imageBytes: 1 << 20, promptTokens: 1, window: 1 },
  minimumRevision: 0,
  sectorBytes: 4096,
  slots: 1,
  image: IMAGE,
};

let program: string;
let chip: LinkSimulation;
let line: GatewareOnALine;

beforeAll(async () => {
  if (HAS_VERILATOR) program = await verilate('link_sim');
}, 180_000);

/** A board that has just started, at the end of a new line. */
async function freshLine(shape = SHAPE, hello: Partial<Hello> = {}): Promise<GatewareOnALine> {
  await chip?.close();
  chip = new LinkSimulation(program);
  chip.hello(encodeMapMessage(HELLO, { ...HELLO_VALUE, ...hello }));
  chip.shape(shape);
  line = new GatewareOnALine(chip);
  return line;
}

afterAll(async () => {
  await chip?.close();
});

interface Step {
  readonly token: number;
  readonly taps?: boolean;
  readonly candidates?: number;
}

/** What the host gets for a step, in the form of {@link expectedStep}. */
async function step(session: BoardSession, { token, taps = false, candidates = 0 }: Step): Promise<object> {
  const answer = await session.request(STEP, { taps: taps ? 1 : 0, candidates, token }, STEPPED);
  const parts = partsOfStepped(answer, taps ? SHAPE.layers + 1 : 0, Math.min(candidates, SHAPE.vocabulary));
  return { token: answer.token, receipt: answer.receipt, taps: Array.from(parts!.taps), candidates: parts!.candidates };
}

function expectedStep(model: ExpectedResults, { token, taps = false, candidates = 0 }: Step): object {
  const { receipt, taps: all, largest } = model.step(token);
  return { token: largest[0]!.id, receipt, taps: taps ? all : [], candidates: largest.slice(0, candidates) };
}

const STEPS: readonly Step[] = [
  { token: 3, taps: true, candidates: 64 },
  { token: 99 },
  { token: 0, candidates: 1 },
  { token: 7, taps: true },
];

/** HELLO, and steps with a reset between them. */
async function wholeSession(on: GatewareOnALine): Promise<object[]> {
  const open = await on.connect();
  const results: object[] = [open.hello];
  const work = async (): Promise<void> => {
    await open.request(RESET, {}, DONE);
    for (const one of STEPS) results.push(await step(open, one));
    await open.request(RESET, {}, DONE);
    results.push(await step(open, STEPS[0]!));
  };
  await on.until(work());
  await on.until(open.close());
  return results;
}

function expectedResults(): object[] {
  const model = new ExpectedResults(SHAPE);
  const results = STEPS.map((one) => expectedStep(model, one));
  model.reset();
  return [HELLO_VALUE, ...results, expectedStep(model, STEPS[0]!)];
}

describe.skipIf(!HAS_VERILATOR)('a session with the gateware', () => {
  it('begins with its HELLO and gives receipts, taps and candidates', async () => {
    expect(await wholeSession(await freshLine())).toEqual(expectedResults());
  });

  it('feeds tokens that the host asks for ahead of their answers, without a repetition', async () => {
    const on = await freshLine();
    const open = await on.connect();
    const model = new ExpectedResults(SHAPE);
    const steps = Array.from({ length: 30 }, (_, index) => ({ token: index, candidates: index % 65 }));
    const before = on.frames;
    const answers = await on.until(Promise.all(steps.map(async (one) => await step(open, one))));
    expect(answers).toEqual(steps.map((one) => expectedStep(model, one)));
    // STEP, its acknowledgement, STEPPED; the host acknowledges the last one by itself.
    expect(on.frames - before).toBeLessThanOrEqual(3 * 30 + 1);
  });

  it('serves a host that samples', async () => {
    const on = await freshLine();
    const connection = await on.until(
      BoardConnection.open(() => Promise.resolve(on.plugIn()), { clock: on.clock, reconnectMs: 0 }),
    );
    const backend = await boardSequence(connection, { sampling: 'host' });
    const tokens: number[] = [];
    const sampler = { topK: 1, invTemperature: 0, topP: 32_768, seedLow: 0, seedHigh: 0 };
    const generate = async (): Promise<void> => {
      for await (const { id } of backend.generate({ prompt: [5, 6], maxTokens: 8, sampler })) tokens.push(id);
    };
    await on.until(generate());
    const model = new ExpectedResults(SHAPE);
    model.step(5);
    const expected: number[] = [];
    for (let token = 6; expected.length < 8 && token !== IMAGE.eosTokenId; expected.push(token)) {
      token = model.step(token).largest[0]!.id;
    }
    expect(tokens).toEqual(expected);
  });

  it('keeps its state over sessions until RESET', async () => {
    const on = await freshLine();
    const model = new ExpectedResults(SHAPE);
    for (const one of STEPS) {
      const open = await on.connect();
      expect(await on.until(step(open, one))).toEqual(expectedStep(model, one));
      await on.until(open.close());
    }
  });

  it('says what it does not know, and goes on', async () => {
    const on = await freshLine();
    const open = await on.connect();
    await expect(on.until(open.request(GET_INFO, {}, INFO as never))).rejects.toMatchObject({
      code: 'board-unknown-request',
    });
    await expect(on.until(step(open, { token: SHAPE.vocabulary }))).rejects.toMatchObject({
      facts: { board_code: 5, fact_a: SHAPE.vocabulary, fact_b: SHAPE.vocabulary },
    });
    await expect(on.until(step(open, { token: 0xffff_ffff }))).rejects.toMatchObject({
      facts: { fact_a: 0xffff_ffff },
    });
    expect(await on.until(step(open, STEPS[0]!))).toEqual(expectedStep(new ExpectedResults(SHAPE), STEPS[0]!));
  });

  it('refuses to compute without an image', async () => {
    const { image: _, ...rest } = HELLO_VALUE;
    const on = await freshLine({ ...SHAPE, hasImage: false });
    chip.hello(encodeMapMessage(HELLO, rest));
    const open = await on.connect();
    expect(open.hello).toEqual(rest);
    await expect(on.until(step(open, { token: 1 }))).rejects.toMatchObject({ code: 'board-no-image' });
    await expect(on.until(open.request(RESET, {}, DONE))).rejects.toMatchObject({ code: 'board-no-image' });
  });

  it('outlives a token of 6 s, because the link is served meanwhile', async () => {
    const on = await freshLine({ ...SHAPE, workClocks: 6_000_000 });
    const open = await on.connect();
    expect(await on.until(step(open, STEPS[0]!))).toEqual(expectedStep(new ExpectedResults(SHAPE), STEPS[0]!));
  });

  it('gives way to a new host in the middle of a token, whose HELLO comes after its end', async () => {
    const on = await freshLine({ ...SHAPE, workClocks: 300_000 });
    const first = await on.connect();
    const lost = step(first, { token: 1 }).catch(() => 'lost');
    await on.pass(50);
    const startMs = on.clock.now();
    const second = await on.connect();
    expect(on.clock.now() - startMs).toBeGreaterThan(200);
    await on.until(second.request(RESET, {}, DONE));
    expect(await on.until(step(second, STEPS[0]!))).toEqual(expectedStep(new ExpectedResults(SHAPE), STEPS[0]!));
    await first.close();
    expect(await lost).toBe('lost');
  });
});

const FAULTS = frameFaults(7);

describe.skipIf(!HAS_VERILATOR)('a session with the gateware over a bad line', () => {
  let sessions = 0;

  it.each(FAULTS)('has the same result when any one frame is %s', { timeout: 240_000 }, async (_, spoil) => {
    const whole = await freshLine();
    const expected = expectedResults();
    expect(await wholeSession(whole)).toEqual(expected);
    // The last one is the host's END, after which nothing is to come.
    for (let index = 0; index < whole.frames - 1; index += EVERY) {
      const on = await freshLine();
      on.fate = (frame) => (frame.index === index ? spoil(frame) : [{ bytes: frame.bytes }]);
      expect(await wholeSession(on)).toEqual(expected);
      sessions++;
    }
  });

  it('has the same result when any frame may be lost or spoilt, both ways', { timeout: 240_000 }, async () => {
    const expected = expectedResults();
    for (let seed = 1; seed <= count(8, 20); seed++) {
      const chance = new Prng(seed);
      const on = await freshLine();
      on.fate = (frame) => {
        const fault = chance.between(0, 11) === 0 ? FAULTS[chance.between(0, FAULTS.length - 1)] : undefined;
        return fault?.[1](frame) ?? [{ bytes: frame.bytes }];
      };
      expect(await wholeSession(on)).toEqual(expected);
      sessions++;
    }
  });

  it('was tried in many ways', () => {
    console.log(`gateware, line faults: ${sessions} sessions`);
    expect(sessions).toBeGreaterThan(count(40, 100));
  });
});
