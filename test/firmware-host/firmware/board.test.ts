/**
 * Runs, steps and states of a board (docs/PROTOCOL.md, sections 3 to 7), with tokens expected from the BigInt oracle.
 */

import { describe, expect, it } from 'vitest';
import type { BoardSession } from '../../../device/session.js';
import type { RunEvent } from '../../../device/session-link.js';
import { sealBytes } from '../../../protocol/image/image-seal.js';
import { BOARD_ERRORS } from '../../../protocol/wire/messages-board.js';
import * as flash from '../../../protocol/wire/messages-flash.js';
import * as run from '../../../protocol/wire/messages-run.js';
import type { LayoutValue } from '../../../protocol/wire/layout.js';
import { BoardOnALine } from '../../helpers/board-on-a-line.js';
import { IS_ANOTHER_BOARD } from '../../helpers/c-board.js';
import type { Setup } from '../../helpers/board-on-a-line.js';
import { goodImage, goodImageOf } from '../../helpers/good-image.js';
import { TINY_SHAPE, tinyImage, tinySections } from '../../helpers/tiny-image.js';
import { BigIntModel } from '../../oracle/bigint-model.js';
import { oracleSample } from '../../oracle/bigint-sampler.js';

/** Its end-of-text token comes as the 88th of the runs below. */
const SECTIONS = tinySections(1, { ...TINY_SHAPE, vocabSize: 64, eosTokenId: 63 });
const TALKER = goodImageOf(SECTIONS);

const REQUEST: LayoutValue<typeof run.RUN.layout> = {
  run: 7,
  firstIndex: 0,
  maxTokens: 10,
  topK: 7,
  keep: 0,
  inverseTemperature: 739,
  topP: 32_768,
  seed: 9n,
  tokens: Uint32Array.of(1, 0, 3),
};

/** What the oracle chooses after a prompt, from the n-th token on. */
function oracleTokens(prompt: readonly number[], count: number, firstIndex = 0): { id: number; receipt: number }[] {
  const model = new BigIntModel(SECTIONS);
  for (const token of prompt.slice(0, -1)) model.step(token);
  const tokens: { id: number; receipt: number }[] = [];
  let next = prompt.at(-1)!;
  for (let index = firstIndex; index < firstIndex + count; index++) {
    const { logits, receipt } = model.step(next);
    const settings = { topK: 7, invTemperature: 739, topP: 32_768, seedLow: 9, seedHigh: 0 };
    next = oracleSample(logits, settings, index);
    tokens.push({ id: next, receipt });
  }
  return tokens;
}

/** A board with an open session, and what a host does there. */
class Bench {
  readonly line: BoardOnALine;
  session!: BoardSession;

  private constructor(setup: Setup) {
    this.line = new BoardOnALine(setup);
  }

  static async open(setup: Setup = { image: TALKER }): Promise<Bench> {
    const bench = new Bench(setup);
    await bench.reopen();
    return bench;
  }

  async reopen(): Promise<void> {
    this.session = (await this.line.connect()).session;
  }

  async wait<T>(work: Promise<T>): Promise<T> {
    return await this.line.clock.until(work);
  }

  async start(changes: Partial<typeof REQUEST> = {}): Promise<void> {
    await this.wait(this.session.send(run.RUN, { ...REQUEST, ...changes }));
  }

  /** The next messages of a run, at most so many, until its end. */
  async events(limit = Infinity, id = 7): Promise<RunEvent[]> {
    const events: RunEvent[] = [];
    while (events.length < limit && events.at(-1)?.kind !== 'ended') {
      events.push(await this.wait(this.session.nextRunEvent(id)));
    }
    return events;
  }

  async step(token: number): Promise<number> {
    const answer = await this.wait(this.session.request(run.STEP, { taps: 0, candidates: 0, token }, run.STEPPED));
    return answer.receipt;
  }
}

const plain = (events: readonly RunEvent[]): unknown[] =>
  events.map((event) => (event.kind === 'token' ? { id: event.token, receipt: event.receipt } : event.reason));

const board = (code: number, ...facts: number[]): object => ({
  facts: expect.objectContaining({ board_code: code, fact_a: facts[0] ?? 0, fact_b: facts[1] ?? 0 }) as unknown,
});

describe('a run', () => {
  it('gives the tokens and receipts of the oracle, in order, and ends', async () => {
    const bench = await Bench.open();
    await bench.start();
    const events = await bench.events();
    expect(plain(events)).toEqual([...oracleTokens([1, 0, 3], 10), run.END_REASON.maxTokens]);
    expect(events.map((event) => (event.kind === 'token' ? event.index : event.nextIndex))).toEqual([
      ...Array.from({ length: 10 }, (_, index) => index),
      10,
    ]);
  });

  it('counts from its first index, on which the sampler depends', async () => {
    const bench = await Bench.open();
    await bench.start({ firstIndex: 1000, maxTokens: 4 });
    expect(plain(await bench.events())).toEqual([...oracleTokens([1, 0, 3], 4, 1000), 0]);
  });

  it('without tokens to sample only feeds its prompt, behind which one with `keep` goes on', async () => {
    const bench = await Bench.open();
    await bench.start({ run: 6, maxTokens: 0 });
    expect(await bench.events(Infinity, 6)).toMatchObject([{ kind: 'ended', reason: 0, nextIndex: 0 }]);
    await bench.start({ keep: 1, tokens: Uint32Array.of(5, 2), maxTokens: 5 });
    expect(plain(await bench.events())).toEqual([...oracleTokens([1, 0, 3, 5, 2], 5), 0]);
    await bench.start({ run: 8, keep: 0, maxTokens: 3 });
    expect(plain(await bench.events(Infinity, 8))).toEqual([...oracleTokens([1, 0, 3], 3), 0]);
  });

  it('ends with the end-of-text token, which is sent', async () => {
    const bench = await Bench.open();
    await bench.start({ maxTokens: 1000 });
    const events = await bench.events();
    expect(events.at(-2)).toMatchObject({ kind: 'token', token: 63 });
    expect(events.at(-1)).toMatchObject({ reason: run.END_REASON.endOfText, nextIndex: events.length - 1 });
  });

  it('is cancelled at once, and answers a second CANCEL the same', async () => {
    const bench = await Bench.open();
    await bench.start({ maxTokens: 60 });
    await bench.events(3);
    await bench.wait(bench.session.send(run.CANCEL, { run: 7 }));
    const end = (await bench.events()).at(-1);
    expect(end).toMatchObject({ kind: 'ended', reason: run.END_REASON.cancelled });
    await bench.wait(bench.session.send(run.CANCEL, { run: 7 }));
    expect(await bench.events()).toEqual([end]);
    expect(await bench.wait(bench.session.info())).toMatchObject({ state: 'idle' });
  });

  it('that nobody knows cannot be cancelled or resumed', async () => {
    const bench = await Bench.open();
    for (const request of [run.CANCEL, run.RESUME]) {
      await bench.wait(bench.session.send(request as typeof run.RESUME, { run: 99, index: 0 }));
      const [event] = await bench.events(1, 99);
      expect(event).toMatchObject({ kind: 'ended', reason: run.END_REASON.unknownRun });
    }
  });

  it('waits with 64 tokens that nobody fetches, and can be resumed from any of them', async () => {
    const bench = await Bench.open();
    await bench.start({ maxTokens: 80 });
    await bench.events(1);
    bench.line.unplug();
    await bench.line.clock.pass(10_000);
    await bench.reopen();
    const info = await bench.wait(bench.session.info());
    expect(info).toMatchObject({ state: 'waiting', run: { run: 7 } });
    expect(info.run?.nextIndex).toBeLessThanOrEqual(80);
    const expected = [...oracleTokens([1, 0, 3], 80), 0];
    await bench.wait(bench.session.send(run.RESUME, { run: 7, index: 2 }));
    expect(plain(await bench.events())).toEqual(expected.slice(2));
    for (const index of [0, 79, 80]) {
      await bench.wait(bench.session.send(run.RESUME, { run: 7, index }));
      expect(plain(await bench.events())).toEqual(expected.slice(index));
    }
    await bench.wait(bench.session.send(run.RESUME, { run: 7, index: 81 }));
    expect(plain(await bench.events())).toEqual([run.END_REASON.unknownRun]);
  });

  // It was accepted, and its tokens started again.
  it('that the present session gets already is not resumed in it', async () => {
    const bench = await Bench.open();
    await bench.start({ maxTokens: 60 });
    await bench.events(3);
    await bench.wait(bench.session.send(run.RESUME, { run: 7, index: 0 }));
    await expect(bench.events()).rejects.toMatchObject(board(BOARD_ERRORS.busy, 7));
  });

  it('of another image is not resumed', async () => {
    const bench = await Bench.open();
    await bench.start();
    await bench.events();
    await update(bench, goodImage(3));
    await bench.wait(bench.session.send(run.RESUME, { run: 7, index: 0 }));
    expect(plain(await bench.events())).toEqual([run.END_REASON.unknownRun]);
  });

  it('whose indices end beyond u32 is refused, with the length of its payload', async () => {
    const bench = await Bench.open();
    await bench.start({ firstIndex: 0xffff_ffff, maxTokens: 5 });
    await expect(bench.events()).rejects.toMatchObject(board(BOARD_ERRORS.malformedPayload, 32 + 4 * 3));
  });

  it('keeps everything but CANCEL, RESUME and GET_INFO waiting for its end', async () => {
    const bench = await Bench.open();
    await bench.start({ maxTokens: 60 });
    await bench.events(1);
    expect(await bench.wait(bench.session.info())).toMatchObject({ run: { run: 7 } });
    await expect(bench.step(1)).rejects.toMatchObject({ code: 'board-busy', ...board(BOARD_ERRORS.busy, 7) });
    expect((await bench.events()).at(-1)).toMatchObject({ kind: 'ended', nextIndex: 60 });
  });
});

describe('a step', () => {
  it('gives the receipt, taps and candidates of the oracle', async () => {
    const bench = await Bench.open();
    const model = new BigIntModel(SECTIONS);
    for (const token of [1, 5, 2]) {
      const { logits, receipt, taps } = model.step(token);
      const request = { taps: 1, candidates: 4, token };
      const answer = await bench.wait(bench.session.request(run.STEP, request, run.STEPPED));
      const largest = logits
        .map((logit, id) => ({ id, logit: Number(logit) }))
        .toSorted((a, b) => b.logit - a.logit || a.id - b.id)
        .slice(0, 4);
      expect(answer).toMatchObject({ token: largest[0]?.id, receipt });
      expect(run.partsOfStepped(answer, 3, 4)).toEqual({ taps: Uint32Array.from(taps), candidates: largest });
    }
  });

  it('after RESET starts anew', async () => {
    const bench = await Bench.open();
    const first = await bench.step(1);
    expect(await bench.step(1)).not.toBe(first);
    await bench.wait(bench.session.request(run.RESET, {}, run.DONE));
    expect(await bench.step(1)).toBe(first);
  });

  it('with a token that is none is refused', async () => {
    const bench = await Bench.open();
    await expect(bench.step(64)).rejects.toMatchObject(board(BOARD_ERRORS.unknownToken, 64, 64));
    await bench.start({ tokens: Uint32Array.of(1, 64) });
    await expect(bench.events()).rejects.toMatchObject(board(BOARD_ERRORS.unknownToken, 64, 64));
  });
});

describe('a board without an image', () => {
  it('says so', async () => {
    const bench = await Bench.open({});
    expect(bench.session.hello.image).toBeUndefined();
    await expect(bench.step(1)).rejects.toMatchObject({ code: 'board-no-image' });
    await expect(bench.wait(bench.session.request(flash.CONFIRM, {}, run.DONE))).rejects.toMatchObject({
      code: 'board-no-image',
    });
    expect(await bench.wait(bench.session.info())).toMatchObject({ state: 'idle', steps: 0 });
  });
});

/** Flashes an image, up to the unconfirmed start. */
async function update(bench: Bench, image: Uint8Array): Promise<void> {
  const { session } = bench;
  const [prefix, seal] = [image.subarray(0, 272), image.subarray(image.length - sealBytes(false))];
  const begin = { imageLength: image.length, prefix, seal };
  await bench.wait(session.request(flash.FLASH_BEGIN, begin, flash.FLASH_READY));
  for (let offset = 0; offset < image.length; offset += flash.FLASH_WRITE_BYTES) {
    const data = image.subarray(offset, offset + flash.FLASH_WRITE_BYTES);
    await bench.wait(session.send(flash.FLASH_WRITE, { offset, data }));
  }
  await bench.wait(session.request(flash.FLASH_END, {}, flash.FLASH_ENDED));
}

describe('an update', () => {
  const [OLD, NEW] = [goodImage(1, { name: 'old' }), goodImage(2, { name: 'new' })];
  const imageOf = async (bench: Bench): Promise<string> => {
    await bench.reopen();
    const { image } = bench.session.hello;
    return image === undefined ? 'none' : `${image.name}${image.confirmed ? '' : ', not confirmed'}`;
  };
  const afterRestart = async (bench: Bench): Promise<string> => {
    bench.line.unplug();
    bench.line.restart();
    return await imageOf(bench);
  };

  it('runs at once, and stays when it is confirmed', async () => {
    const bench = await Bench.open({ image: OLD });
    await update(bench, NEW);
    await bench.wait(bench.session.request(flash.CONFIRM, {}, run.DONE));
    expect(await afterRestart(bench)).toBe('new');
  });

  it('that nobody confirms proves itself at the next start', async () => {
    const bench = await Bench.open({ image: OLD });
    await update(bench, NEW);
    bench.line.unplug();
    expect(await imageOf(bench)).toBe('new, not confirmed');
    expect(await afterRestart(bench)).toBe('new');
  });

  it('that computes wrong is gone at the next start', async () => {
    const bench = await Bench.open({ image: OLD });
    await update(bench, tinyImage(2, { name: 'wrong' }));
    bench.line.unplug();
    expect(await imageOf(bench)).toBe('wrong, not confirmed');
    expect(await afterRestart(bench)).toBe('old');
  });

  it('is taken back by REVERT', async () => {
    const bench = await Bench.open({ image: OLD });
    await update(bench, NEW);
    await bench.wait(bench.session.request(flash.REVERT, {}, run.DONE));
    bench.line.unplug();
    expect(await imageOf(bench)).toBe('old');
    expect(await afterRestart(bench)).toBe('old');
  });

  it('cannot be taken back where nothing was before', async () => {
    const bench = await Bench.open({});
    await update(bench, NEW);
    await expect(bench.wait(bench.session.request(flash.REVERT, {}, run.DONE))).rejects.toMatchObject({
      code: 'board-no-image',
    });
    bench.line.unplug();
    expect(await imageOf(bench)).toBe('new, not confirmed');
  });

  it('over one that nobody has confirmed keeps the one that is', async () => {
    const bench = await Bench.open({ image: OLD });
    await update(bench, tinyImage(2, { name: 'wrong' }));
    await bench.wait(
      bench.session.request(
        flash.FLASH_BEGIN,
        { imageLength: NEW.length, prefix: NEW.subarray(0, 272), seal: NEW.subarray(NEW.length - sealBytes(false)) },
        flash.FLASH_READY,
      ),
    );
    await bench.wait(bench.session.send(flash.FLASH_WRITE, { offset: 0, data: NEW.subarray(0, 2048) }));
    expect(await bench.wait(bench.session.info())).toMatchObject({ state: 'flashing' });
    bench.line.unplug();
    expect(await imageOf(bench)).toBe('old');
  });

  it('that was damaged on the way leaves the old image', async () => {
    const bench = await Bench.open({ image: OLD });
    const damaged = NEW.slice();
    damaged[5000]! ^= 1;
    await expect(update(bench, damaged)).rejects.toMatchObject(board(BOARD_ERRORS.imageDamaged));
    bench.line.unplug();
    expect(await imageOf(bench)).toBe('old');
  });

  it('on a board with one slot stops its model, and starts the new one', async () => {
    const bench = await Bench.open({ image: OLD, slots: 1 });
    await update(bench, NEW);
    await bench.wait(bench.session.request(flash.CONFIRM, {}, run.DONE));
    expect(await afterRestart(bench)).toBe('new');
    await expect(bench.wait(bench.session.request(flash.REVERT, {}, run.DONE))).rejects.toMatchObject({
      code: 'board-no-image',
    });
  });

  it.each([
    ['of nothing', 0, 4096, 0],
    ['inside a sector that was not begun', 2048, 2048, 2048],
    ['shorter than it must be', 0, 2000, 0],
    ['beyond the end', 1 << 30, 2048, 1 << 30],
  ])('refuses a write %s', async (_, offset, length, fact) => {
    const bench = await Bench.open({ image: OLD });
    if (length !== 4096) {
      const [prefix, seal] = [NEW.subarray(0, 272), NEW.subarray(NEW.length - sealBytes(false))];
      const begin = { imageLength: NEW.length, prefix, seal };
      await bench.wait(bench.session.request(flash.FLASH_BEGIN, begin, flash.FLASH_READY));
    }
    const data = new Uint8Array(Math.min(length, 2048));
    await bench.wait(bench.session.send(flash.FLASH_WRITE, { offset, data }));
    await expect(bench.wait(bench.session.info())).rejects.toMatchObject(board(BOARD_ERRORS.writeOutOfOrder, fact));
  });

  it('can be read back, up to its end', async () => {
    const bench = await Bench.open({ image: OLD });
    const request = { offset: OLD.length - 100, length: 100 };
    const answer = await bench.wait(bench.session.request(flash.FLASH_READ, request, flash.FLASH_DATA));
    expect(answer.data).toEqual(OLD.subarray(-100));
    const beyond = bench.session.request(flash.FLASH_READ, { ...request, length: 101 }, flash.FLASH_DATA);
    await expect(bench.wait(beyond)).rejects.toMatchObject(board(BOARD_ERRORS.writeOutOfOrder, OLD.length - 100));
  });

  it.skipIf(IS_ANOTHER_BOARD)('takes as long as the flash does, while the link lives', async () => {
    const bench = await Bench.open({ image: OLD, timing: { eraseMs: 2000, programMs: 100 } });
    const startMs = bench.line.clock.now();
    await update(bench, NEW);
    const [sectors, pages] = [Math.ceil(NEW.length / 4096), Math.ceil(NEW.length / 256)];
    expect(bench.line.clock.now() - startMs).toBeGreaterThan(sectors * 2000 + pages * 100);
  });
});
