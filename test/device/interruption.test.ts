/** The wire is taken away, or the host's program ends, at every frame of a flash and of a generation. */

import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { BoardConnection } from '../../device/connection.js';
import { flashImage } from '../../device/flash-image.js';
import type { FlashResult } from '../../device/flash-image.js';
import type { GeneratedToken } from '../../model/machine/machine.js';
import { ImageFile } from '../../model/image-file.js';
import { samplerSettings } from '../../model/integer/sampler.js';
import { FrameReader } from '../../protocol/wire/frame-reader.js';
import { FLASH_BEGIN, FLASH_WRITE } from '../../protocol/wire/messages-flash.js';
import { BoardOnALine } from '../helpers/board-on-a-line.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { count } from '../helpers/counts.js';
import { goodImage, goodImageOf } from '../helpers/good-image.js';
import { sha256, TINY_SHAPE, tinySections } from '../helpers/tiny-image.js';
import { boardSequence, receiptsOf } from '../helpers/machines.js';

const path = temporaryFolder();
const OLD = goodImage(1);
const NEW = goodImage(2);
const LARGE = goodImage(2, { tokenizer: new TextEncoder().encode(`{"version":"1.0","x":"${'a'.repeat(100_000)}"}`) });
/** Says more than a board keeps unsent before it ends its text. */
const TALKER = goodImageOf(tinySections(1, { ...TINY_SHAPE, vocabSize: 64, eosTokenId: 63 }));
const SAMPLER = samplerSettings({ temperature: 2, topK: 7, topP: 1, seed: 9n });
const TOKENS = 80;
/** From one frame at which it happens to the next: each in the long run. */
const STEP = count(3, 1);

beforeAll(() => {
  writeFileSync(path('new'), NEW);
  writeFileSync(path('large'), LARGE);
});

async function flash(connection: BoardConnection, name = 'new'): Promise<FlashResult> {
  const image = ImageFile.openChecked(path(name));
  try {
    return await flashImage(connection, image);
  } finally {
    image.close();
  }
}

/** Calls `happen` when frame number `index` has been written. */
function atFrame(line: BoardOnALine, index: number, happen: () => void): void {
  line.fate = (frame) => {
    if (frame.index === index) line.clock.after(0, happen);
    return [{ bytes: frame.bytes }];
  };
}

/** Calls `happen` when the first piece of the image has been written in a session, in each session. */
function atFirstWrite(line: BoardOnALine, happen: () => void): void {
  const reader = new FrameReader();
  let isFirst = false;
  line.fate = ({ to, bytes }) => {
    for (const event of to === 'board' ? reader.feed(bytes) : []) {
      if (event.kind !== 'frame' || event.frame.kind !== 'data') continue;
      const { type } = event.frame;
      if (isFirst && type === FLASH_WRITE.type) line.clock.after(0, happen);
      isFirst = type === FLASH_BEGIN.type || (isFirst && type !== FLASH_WRITE.type);
    }
    return [{ bytes }];
  };
}

async function largeFlash(): Promise<{
  readonly line: BoardOnALine;
  readonly connection: BoardConnection;
  readonly losses: readonly Error[];
}> {
  const line = new BoardOnALine({ image: OLD, bits: new Uint8Array(120 * 4096).fill(0xff) });
  const losses: Error[] = [];
  return { line, losses, connection: await line.connect({ onLost: (error) => losses.push(error) }) };
}

/** Frames of an undisturbed flash, and the flash operations that it takes. */
async function wholeFlash(): Promise<{ readonly frames: number; readonly operations: number }> {
  const line = new BoardOnALine({ image: OLD });
  const connection = await line.connect();
  await line.clock.until(flash(connection));
  return { frames: line.frames, operations: line.flash.operations };
}

async function expectNewImage(line: BoardOnALine): Promise<void> {
  const connection = await line.connect();
  const { image } = connection.session;
  expect(image.confirmed).toBe(true);
  expect(image.sha256).toEqual(sealOf(NEW));
  await line.clock.until(connection.close());
}

function sealOf(image: Uint8Array): Uint8Array {
  writeFileSync(path('seal'), image);
  const file = ImageFile.open(path('seal'));
  const { sha256: seal } = file.view.seal;
  file.close();
  return seal;
}

/** A page of the sector that was under way is written again at most. */
const AGAIN = 1 + 16;

describe('a flash whose wire is taken away', () => {
  it('at any frame goes on when it is back', async () => {
    const { frames, operations } = await wholeFlash();
    for (let index = 2; index < frames; index += STEP) {
      const line = new BoardOnALine({ image: OLD });
      const connection = await line.connect();
      atFrame(line, index, () => line.unplug());
      const result = await line.clock.until(flash(connection));
      expect(result.sha256).toEqual(sha256(NEW));
      expect(line.flash.operations).toBeLessThanOrEqual(operations + AGAIN);
      await line.clock.until(connection.close());
      await expectNewImage(line);
    }
  });

  it('at any frame, with the power, goes on when both are back', async () => {
    const { frames } = await wholeFlash();
    for (let index = 2; index < frames; index += STEP) {
      const line = new BoardOnALine({ image: OLD });
      const connection = await line.connect();
      atFrame(line, index, () => {
        line.unplug();
        line.restart();
      });
      expect((await line.clock.until(flash(connection))).sha256).toEqual(sha256(NEW));
      await line.clock.until(connection.close());
      await expectNewImage(line);
    }
  });

  it('at any frame goes on in the next run of the program', async () => {
    const { frames, operations } = await wholeFlash();
    for (let index = 2; index < frames; index += STEP) {
      const line = new BoardOnALine({ image: OLD });
      const killed = await line.connect({ reconnectMs: 0 });
      atFrame(line, index, () => line.unplug());
      const first = line.clock.until(flash(killed));
      await first.catch(() => {});
      line.unplug();
      const second = await line.connect();
      expect((await line.clock.until(flash(second))).sha256).toEqual(sha256(NEW));
      expect(line.flash.operations).toBeLessThanOrEqual(operations + AGAIN);
      await line.clock.until(second.close());
      await expectNewImage(line);
    }
  });

  describe('at its first write, again and again', () => {
    it('goes on, as long as more is there each time', async () => {
      const { line, connection, losses } = await largeFlash();
      // The first eight writes arrive meanwhile, which are four sectors of thirty.
      atFirstWrite(line, () => line.clock.after(0.3, () => line.unplug()));
      const result = await line.clock.until(flash(connection, 'large'));
      expect(result.sha256).toEqual(sha256(LARGE));
      expect(losses.length).toBeGreaterThan(5);
    });

    // It used to be tried for ever.
    it('is given up, when nothing more is there', async () => {
      const { line, connection, losses } = await largeFlash();
      atFirstWrite(line, () => line.unplug());
      await expect(line.clock.until(flash(connection, 'large'))).rejects.toMatchObject({
        code: 'board-flapping',
        facts: { losses: 6 },
      });
      expect(losses).toHaveLength(5);
    });
  });

  it('leaves the old image running, which answers', async () => {
    const line = new BoardOnALine({ image: OLD });
    const connection = await line.connect({ reconnectMs: 0 });
    atFrame(line, 12, () => line.unplug());
    await expect(line.clock.until(flash(connection))).rejects.toMatchObject({ code: 'board-lost' });
    const next = await line.connect();
    expect(next.session.image.sha256).toEqual(sealOf(OLD));
    const backend = await boardSequence(next);
    const receipts = await line.clock.until(receiptsOf(backend, [1, 0]));
    const file = ImageFile.open(path('seal'));
    expect(receipts).toEqual(Array.from(file.view.manifest.selfTest.receipts.slice(0, 2)));
    file.close();
  });
});

async function generate(connection: BoardConnection, line: BoardOnALine): Promise<GeneratedToken[]> {
  const tokens: GeneratedToken[] = [];
  const backend = await boardSequence(connection);
  const run = async (): Promise<void> => {
    const request = { prompt: [1, 0, 3], maxTokens: TOKENS, sampler: SAMPLER };
    for await (const token of backend.generate(request)) tokens.push(token);
  };
  await line.clock.until(run());
  return tokens;
}

async function whole(): Promise<{ readonly tokens: GeneratedToken[]; readonly frames: number }> {
  const line = new BoardOnALine({ image: TALKER });
  const tokens = await generate(await line.connect(), line);
  expect(tokens).toHaveLength(TOKENS);
  return { tokens, frames: line.frames };
}

describe('a generation whose wire is taken away', () => {
  it.each([
    ['goes on at its index when it is back', false],
    ['starts behind what it has when the board has restarted', true],
  ])('at any frame %s', async (_, restarts) => {
    const expected = await whole();
    for (let index = 2; index < expected.frames; index += STEP) {
      const line = new BoardOnALine({ image: TALKER });
      const connection = await line.connect();
      atFrame(line, index, () => {
        line.unplug();
        if (restarts) line.restart();
      });
      expect(await generate(connection, line)).toEqual(expected.tokens);
    }
  });

  it('every 20 frames goes on all the same', async () => {
    const expected = await whole();
    const line = new BoardOnALine({ image: TALKER });
    const connection = await line.connect();
    line.fate = (frame) => {
      if (frame.index % 20 === 19) line.clock.after(0, () => line.unplug());
      return [{ bytes: frame.bytes }];
    };
    expect(await generate(connection, line)).toEqual(expected.tokens);
  });

  it('fails when another board comes back instead', async () => {
    const line = new BoardOnALine({ image: TALKER });
    const other = new BoardOnALine(
      { image: TALKER, identity: { board: 'test', serial: 'T-2', firmware: '0' } },
      line.clock,
    );
    let present = line;
    const open = BoardConnection.open(() => Promise.resolve(present.plugIn()), { clock: line.clock });
    const connection = await line.clock.until(open);
    atFrame(line, 30, () => {
      present = other;
      line.unplug();
    });
    await expect(generate(connection, line)).rejects.toMatchObject({ code: 'board-lost' });
  });
});
