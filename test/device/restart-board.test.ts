import { expect, it } from 'vitest';
import { boardLost } from '../../device/board-error.js';
import { BoardConnection } from '../../device/connection.js';
import { restartBoard } from '../../device/restart-board.js';
import { restartRequest } from '../../firmware-host/firmware/restart-request.js';
import type { Transport } from '../../device/transport/transport.js';
import { BoardOnALine } from '../helpers/board-on-a-line.js';

/** A board that is away for so long when it restarts, and a connection to it. */
async function connected(awayMs: number): Promise<{ line: BoardOnALine; connection: BoardConnection }> {
  let backAtMs = 0;
  const restart = (): void => {
    // The answer is on the line first.
    line.clock.after(1, () => {
      backAtMs = line.clock.now() + awayMs;
      line.unplug();
      line.restart();
    });
  };
  const line: BoardOnALine = new BoardOnALine({ groups: [restartRequest(restart)] });
  const open = async (): Promise<Transport> => {
    if (line.clock.now() < backAtMs) throw boardLost('the board', 'It is not there.');
    return await Promise.resolve(line.plugIn());
  };
  return { line, connection: await line.clock.until(BoardConnection.open(open, { clock: line.clock })) };
}

// It used to be given up after 15 s, which a microcontroller in an emulator on a busy computer takes.
it('waits for a board that checks its image as long as a flash does', async () => {
  const { line, connection } = await connected(28_000);
  const { bootNonce } = connection.session.hello;
  await line.clock.until(restartBoard(connection));
  expect(connection.session.hello.bootNonce).not.toBe(bootNonce);
});

it('says that a board which does not come back is lost', async () => {
  const { line, connection } = await connected(Infinity);
  await expect(line.clock.until(restartBoard(connection))).rejects.toMatchObject({
    code: 'board-lost',
    reason: 'It was told to restart.',
  });
});
