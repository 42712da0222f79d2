/**
 * `state.1`: a state is read from one board, in the middle of a run, and written to another, which goes on as the first
 * would.
 */

import { describe, expect, it } from 'vitest';

import type { BoardSession } from '../../../device/session.js';
import { crc32 } from '../../../protocol/crc32.js';
import { bytesOfU32 } from '../../../protocol/little-endian.js';
import { MAX_STATE_WORD } from '../../../protocol/state/sequence-state.js';
import { encodeMessage } from '../../../protocol/wire/message.js';
import { BOARD_ERRORS } from '../../../protocol/wire/messages-board.js';
import { DONE, RESET, RUN, STEP, STEPPED } from '../../../protocol/wire/messages-run.js';
import * as state from '../../../protocol/wire/groups/messages-state.js';
import { BoardOnALine } from '../../helpers/board-on-a-line.js';
import { goodImageOf } from '../../helpers/good-image.js';
import { TINY_SHAPE, tinySections } from '../../helpers/tiny-image.js';

const IMAGE = goodImageOf(tinySections(1, { ...TINY_SHAPE, vocabSize: 64, eosTokenId: 63 }));
const WORDS = TINY_SHAPE.layers * TINY_SHAPE.hiddenSize;
const STREAM = [1, 0, 3, 9, 27, 5, 44];
/** Words of one message here: the tiny state has several of them. */
const PART = 4;

async function step(session: BoardSession, token: number): Promise<number> {
  return (await session.request(STEP, { taps: 0, candidates: 0, token }, STEPPED)).receipt;
}

interface Read {
  readonly position: number;
  readonly words: Uint32Array;
}

async function readState(session: BoardSession): Promise<Read> {
  const kept = await session.request(state.STATE_KEEP, {}, state.STATE_KEPT);
  const words = new Uint32Array(kept.words);
  for (let firstWord = 0; firstWord < words.length; firstWord += PART) {
    const part = { firstWord, words: Math.min(PART, words.length - firstWord) };
    words.set((await session.request(state.STATE_READ, part, state.STATE_DATA)).words, firstWord);
  }
  expect(crc32(bytesOfU32(words))).toBe(kept.crc32);
  return { position: kept.position, words };
}

async function writeState(session: BoardSession, { position, words }: Read): Promise<void> {
  for (let firstWord = 0; firstWord < words.length; firstWord += PART) {
    await session.send(state.STATE_WRITE, { firstWord, words: words.slice(firstWord, firstWord + PART) });
  }
  const sum = { position, crc32: crc32(bytesOfU32(words)) };
  await session.request(state.STATE_TAKE, sum, DONE);
}

async function board(): Promise<{ line: BoardOnALine; session: BoardSession }> {
  const line = new BoardOnALine({ image: IMAGE });
  const { session } = await line.connect();
  return { line, session };
}

describe('the state of a board', () => {
  it.each(STREAM.map((_, position) => position))('after %d tokens goes on on another board', async (position) => {
    const one = await board();
    const receipts: number[] = [];
    let read: Read | undefined;
    for (const [index, token] of STREAM.entries()) {
      if (index === position) read = await one.line.clock.until(readState(one.session));
      receipts.push(await one.line.clock.until(step(one.session, token)));
    }
    expect(read).toMatchObject({ position, words: { length: WORDS } });
    const other = await board();
    await other.line.clock.until(step(other.session, 7)); // not from zero
    await other.line.clock.until(writeState(other.session, read!));
    expect((await other.line.clock.until(readState(other.session))).position).toBe(position);
    for (const [index, token] of STREAM.entries()) {
      if (index < position) continue;
      expect(await other.line.clock.until(step(other.session, token))).toBe(receipts[index]);
    }
  });

  it('is read in the middle of a run, as one state, and not written', async () => {
    const { line, session } = await board();
    const sampling = { topK: 1, inverseTemperature: 0, topP: 32_768, seed: 0n };
    const request = { run: 7, firstIndex: 0, maxTokens: 5000, keep: 0, ...sampling, tokens: Uint32Array.of(1, 0, 3) };
    await line.clock.until(session.send(RUN, request));
    await line.clock.until(session.nextRunEvent(7));
    const { position, words } = await line.clock.until(readState(session));
    const fed = [1, 0, 3];
    const event = await line.clock.until(session.nextRunEvent(7));
    expect(event.kind).toBe('token');
    await line.clock.until(session.cancelRun(7));
    // The same tokens, fed one by one to the same state zero.
    await line.clock.until(session.request(RESET, {}, DONE));
    let next = 0;
    for (let index = 0; index < position; index++) {
      const token = fed[index] ?? next;
      const answer = session.request(STEP, { taps: 0, candidates: 1, token }, STEPPED);
      next = (await line.clock.until(answer)).token;
    }
    expect(await line.clock.until(readState(session))).toEqual({ position, words });
  });

  const good = new Uint32Array(WORDS).fill(1);

  it.each<[string, Read, number, number]>([
    ['with another checksum', { position: 0, words: good }, 1, BOARD_ERRORS.imageDamaged],
    ['that ends too early', { position: 0, words: good.slice(1) }, 0, BOARD_ERRORS.imageDamaged],
    ['that is too long', { position: 0, words: Uint32Array.of(...good, 1) }, 0, BOARD_ERRORS.writeOutOfOrder],
  ])('%s is refused, and the one before stays', async (_, read, error, code) => {
    const { line, session } = await board();
    await line.clock.until(step(session, 5));
    const before = await line.clock.until(readState(session));
    const attempt = async (): Promise<void> => {
      for (let firstWord = 0; firstWord < read.words.length; firstWord += PART) {
        const words = read.words.slice(firstWord, firstWord + PART);
        await session.send(state.STATE_WRITE, { firstWord, words });
      }
      const sum = { position: 0, crc32: (crc32(bytesOfU32(read.words)) ^ error) >>> 0 };
      await session.request(state.STATE_TAKE, sum, DONE);
    };
    await expect(line.clock.until(attempt())).rejects.toMatchObject({ facts: { board_code: code } });
    await line.clock.until(session.close());
    const { session: next } = await line.connect();
    expect(await line.clock.until(readState(next))).toEqual(before);
  });

  it('has no word beyond what the arithmetic can make', () => {
    const largest = Uint32Array.of(MAX_STATE_WORD, -MAX_STATE_WORD >>> 0);
    expect(encodeMessage(state.STATE_WRITE, { firstWord: 0, words: largest })).toHaveLength(12);
    for (const word of [MAX_STATE_WORD + 1, 2 ** 31, 2 ** 32 - MAX_STATE_WORD - 1]) {
      const words = Uint32Array.of(word);
      expect(() => encodeMessage(state.STATE_WRITE, { firstWord: 0, words })).toThrow(RangeError);
    }
  });
});
