/** From the option `--board` to a session with a board. */
import { BoardConnection } from '../../device/connection.js';
import { onlyBoard, selectBoard } from '../../device/discovery.js';
import { addressText, opener, parseSelector } from '../../device/selector.js';
import type { BoardAddress, BoardSelector } from '../../device/selector.js';
import type { CommandContext } from '../command.js';
import { badValue } from '../usage-error.js';

/** @throws UsageError */
function selectorOf(text: string): BoardSelector {
  const selector = parseSelector(text);
  if (selector !== undefined) return selector;
  const expected = 'a serial number, usb:VID:PID[:SERIAL], serial:PATH[@BAUD] or tcp:HOST:PORT';
  throw badValue('--board', text, expected, 'serial:/dev/ttyACM0');
}

/** The board that the user named, or else the only one there is. @throws BoardError; UsageError */
export async function boardAddress(board: string | undefined): Promise<BoardAddress> {
  return await selectBoard(board === undefined ? undefined : selectorOf(board));
}

/** The board that the user named; without a name the only one there is, or none. @throws BoardError; UsageError */
export async function boardAddressIfAny(board: string | undefined): Promise<BoardAddress | undefined> {
  return board === undefined ? await onlyBoard() : await boardAddress(board);
}

/** Opens a session; what the board says on its own, and trouble with the wire, is told as notes. @throws BoardError */
export async function openBoard(
  address: BoardAddress,
  { output, signal }: CommandContext,
  reconnectMs?: number,
): Promise<BoardConnection> {
  let text = '';
  return await BoardConnection.open(opener(address), {
    signal,
    ...(reconnectMs !== undefined && { reconnectMs }),
    onLost: ({ message, reason }) => output.note(`${message}: ${reason} Looking for it …`),
    onBootText: (bytes) => {
      const lines = (text + Buffer.from(bytes).toString('latin1')).split('\n');
      text = (lines.pop() ?? '').slice(-1000);
      for (const line of lines) output.note(`${addressText(address)} says: ${line.trimEnd()}`);
    },
  });
}
