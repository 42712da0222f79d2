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

type Kept = LayoutValue<typeof STATE_KEPT.layout>;

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
  const { kept, words } = await readBeginning(session, expected, expected.words);
  if (crc32(bytesOfU32(words)) !== kept.crc32) {
    throw boardMalformed(session.name, 'the words of a state have another checksum than the board says');
  }
  return { position: kept.position, words };
}

/**
 * Reads the first `count` words only, which shows what it costs. All is asked for at once, so it takes the line one way
 * and back.
 *
 * @throws as {@link readState}, but for the checksum
 */
export async function readBeginning(
  session: BoardSession,
  expected: ExpectedState,
  count: number,
): Promise<{ readonly kept: Kept; readonly words: Uint32Array }> {
  const [kept, words] = await Promise.allSettled([keepState(session, expected), readWords(session, count)]);
  // Whoever keeps another state than is expected may well refuse the rest: the first answer says why.
  if (kept.status === 'rejected') throw kept.reason;
  if (words.status === 'rejected') throw words.reason;
  return { kept: kept.value, words: words.value };
}

/** Makes a state that of the board, which does nothing else meanwhile. @throws what the session throws */
export async function writeState(session: BoardSession, words: Uint32Array, position: number): Promise<void> {
  for (let firstWord = 0; firstWord < words.length; firstWord += STATE_WORDS) {
    await session.send(STATE_WRITE, { firstWord, words: words.slice(firstWord, firstWord + STATE_WORDS) });
  }
  await session.request(STATE_TAKE, { position, crc32: crc32(bytesOfU32(words)) }, DONE);
}

async function keepState(session: BoardSession, { words, first, last }: ExpectedState): Promise<Kept> {
  const kept = await session.request(STATE_KEEP, {}, STATE_KEPT);
  if (kept.words !== words) throw boardMalformed(session.name, `its state has ${kept.words} words instead of ${words}`);
  if (kept.position < first || kept.position > last) {
    const where = first === last ? `${first}` : `${first} … ${last}`;
    throw boardMalformed(session.name, `its state is that after ${kept.position} tokens instead of ${where}`);
  }
  return kept;
}

/** The first words of the state that is kept. */
async function readWords(session: BoardSession, count: number): Promise<Uint32Array> {
  const words = new Uint32Array(count);
  const parts = Array.from({ length: Math.ceil(count / STATE_WORDS) }, (_, part) => part * STATE_WORDS);
  await Promise.all(
    parts.map(async (firstWord) => {
      const asked = Math.min(STATE_WORDS, count - firstWord);
      const part = await session.request(STATE_READ, { firstWord, words: asked }, STATE_DATA);
      if (part.firstWord !== firstWord || part.words.length !== asked) {
        throw boardMalformed(session.name, 'a STATE_DATA has other words than were asked for');
      }
      words.set(part.words, firstWord);
    }),
  );
  return words;
}
