/** A board starts again because it is told to. docs/PROTOCOL.md, section 8, `restart.1`. */

import { RESTART, RESTART_GROUP } from '../protocol/wire/groups/messages-restart.js';
import { DONE } from '../protocol/wire/messages-run.js';
import { BoardError, boardLost, cannotRestart } from './board-error.js';
import { checkingMs } from './checking-time.js';
import type { BoardConnection } from './connection.js';
import type { BoardSession } from './session.js';

/**
 * Restarts the board; a run that nobody listens to any more is ended. Then the connection has a session with the board
 * as it has started: its boot nonce is another one.
 *
 * @throws BoardError `board-cannot-restart`, `board-busy`, `board-lost` if it does not come back in time; AbortError
 */
export async function restartBoard(connection: BoardConnection): Promise<void> {
  const { bootNonce, limits } = connection.session.hello;
  let isAsked = false;
  const work = async (session: BoardSession): Promise<void> => {
    if (session.hello.bootNonce !== bootNonce) return;
    if (!isAsked) await ask(session);
    isAsked = true;
    throw boardLost(session.name, 'It was told to restart.');
  };
  await connection.persist(work, { patienceMs: checkingMs(limits.imageBytes) });
}

/** The answer may be lost with the line: whether the board has started again says its boot nonce. */
async function ask(session: BoardSession): Promise<void> {
  if (!(await session.capabilities()).has(RESTART_GROUP.name)) throw cannotRestart(session.name);
  await session.stopForeignRun();
  try {
    await session.request(RESTART, {}, DONE);
  } catch (error) {
    if (!(error instanceof BoardError && error.code === 'board-lost')) throw error;
  }
}
