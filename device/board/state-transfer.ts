/** A board's state, read and written: `state.1` of docs/PROTOCOL.md, section 8. What the board says is untrusted. */

import { crc32 } from '../../protocol/crc32.js';
import { bytesOfU32 } from '../../protocol/little-endian.js';
import type { LayoutValue } from '../../protocol/wire/layout.js';
import {
  STATE_DATA,
  STATE_KEEP,
  STATE_KEPT,
  STATE_READ,
  STATE_TAKE,
  STATE_WORDS,
  STATE_WRITE,
} from '../../protocol/wire/groups/messages-state.js';
import { DONE } from '../../protocol/wire/messages-run.js';
import { boardMalformed } from '../board-error.js';
import type { BoardSession } from '../session.js';
import type { StatePoint } from './trail.js';

/** What is expected of a state that a board keeps. */
export interface ExpectedState {
  /** L · H. */
  readonly words: number;
  /** Where the board can be. */
  readonly first: number;
  readonly last: number;
}

/**
 * Reads the state, also while a run goes on.
 *
 * @throws BoardError `board-malformed` for a state that cannot be; what the session throws
 */
export async function readState(session: BoardSession, expected: ExpectedState): Promise<StatePoint> {
  const kept = await keepState(session, expected);
  const words = new Uint32Array(expected.words);
  const parts = Array.from({ length: Math.ceil(words.length / STATE_WORDS) }, (_, part) => part * STATE_WORDS);
  await Promise.all(
    parts.map(async (firstWord) => {
      const count = Math.min(STATE_WORDS, words.length - firstWord);
      words.set(await readWords(session, firstWord, count), firstWord);
    }),
  );
  if (crc32(bytesOfU32(words)) !== kept.crc32) {
    throw boardMalformed(session.name, 'the words of a state have another checksum than the board says');
  }
  return { position: kept.position, words };
}

/** Reads the first words only, which shows what it costs. @throws as {@link readState} */
export async function readBeginning(session: BoardSession, expected: ExpectedState, count: number): Promise<void> {
  await keepState(session, expected);
  await readWords(session, 0, count);
}

/** Makes a state that of the board, which does nothing else meanwhile. @throws what the session throws */
export async function writeState(session: BoardSession, words: Uint32Array, position: number): Promise<void> {
  for (let firstWord = 0; firstWord < words.length; firstWord += STATE_WORDS) {
    await session.send(STATE_WRITE, { firstWord, words: words.slice(firstWord, firstWord + STATE_WORDS) });
  }
  await session.request(STATE_TAKE, { position, crc32: crc32(bytesOfU32(words)) }, DONE);
}

async function keepState(
  session: BoardSession,
  { words, first, last }: ExpectedState,
): Promise<LayoutValue<typeof STATE_KEPT.layout>> {
  const kept = await session.request(STATE_KEEP, {}, STATE_KEPT);
  if (kept.words !== words) throw boardMalformed(session.name, `its state has ${kept.words} words instead of ${words}`);
  if (kept.position < first || kept.position > last) {
    const where = first === last ? `${first}` : `${first} … ${last}`;
    throw boardMalformed(session.name, `its state is that after ${kept.position} tokens instead of ${where}`);
  }
  return kept;
}

async function readWords(session: BoardSession, firstWord: number, count: number): Promise<Uint32Array> {
  const part = await session.request(STATE_READ, { firstWord, words: count }, STATE_DATA);
  if (part.firstWord !== firstWord || part.words.length !== count) {
    throw boardMalformed(session.name, 'a STATE_DATA has other words than were asked for');
  }
  return part.words;
}
