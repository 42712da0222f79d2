/** How a board is: it is opened, asked, and left alone. */

import type { BoardInfo, Hello } from '../protocol/wire/messages-board.js';
import { opener, type BoardAddress } from './selector.js';
import { BoardSession } from './session.js';

/** What a board says of itself when asked. */
export interface BoardState {
  readonly hello: Hello;
  /** Undefined if the board does not say. */
  readonly info: BoardInfo | undefined;
}

/** Asks a board how it is. @throws BoardError */
export async function askBoard(address: BoardAddress, signal?: AbortSignal): Promise<BoardState> {
  const session = await BoardSession.open(await opener(address)(signal), { signal });
  try {
    return { hello: session.hello, info: await session.infoIfKnown() };
  } finally {
    await session.close();
  }
}
