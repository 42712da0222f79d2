/** How a board is: it is opened, asked, and left alone. */

import type { BoardInfo, Hello } from '../../protocol/wire/messages-board.js';
import { opener, type BoardAddress } from '../selector.js';
import { BoardSession, type SessionOptions } from '../session.js';

/** What a board says of itself when asked. */
export interface BoardState {
  readonly hello: Hello;
  /** Undefined if the board does not say. */
  readonly info: BoardInfo | undefined;
}

/** A board that is asked how it is has nothing long to do, unless it is at work for somebody else. */
const ASK_LIMIT_MS = 10_000;

/** Asks a board how it is. @throws BoardError */
export async function askBoard(address: BoardAddress, options: SessionOptions = {}): Promise<BoardState> {
  const transport = await opener(address)(options.signal);
  const session = await BoardSession.open(transport, { ...options, helloLimitMs: ASK_LIMIT_MS });
  try {
    return { hello: session.hello, info: await session.infoIfKnown(ASK_LIMIT_MS) };
  } finally {
    await session.close();
  }
}
