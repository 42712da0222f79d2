/** From the option `--board` to a session with a board. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BoardError } from '../../../device/board-error.js';
import { BoardConnection } from '../../../device/connection.js';
import { selectBoard } from '../../../device/discovery.js';
import { addressText, opener, parseSelector } from '../../../device/selector.js';
import { hexOf } from '../../../protocol/hex.js';
import type { BoardAddress, BoardSelector } from '../../../device/selector.js';
import type { CommandContext } from '../../command.js';
import { badValue } from '../../usage-error.js';
import { keyOf } from '../key-file.js';

/** @throws UsageError */
export function selectorOf(text: string): BoardSelector {
  const selector = parseSelector(text);
  if (selector !== undefined) return selector;
  const expected =
    'a serial number, usb:VID:PID[:SERIAL], usb:BUS-PORT, serial:PATH[@BAUD], tcp:HOST:PORT or usbip:HOST[:PORT][/BUSID]';
  throw badValue('--board', text, expected, 'serial:/dev/ttyACM0');
}

/** The board that the user named, or else the only one there is. @throws BoardError; UsageError */
async function boardAddress(board: string | undefined): Promise<BoardAddress> {
  return await selectBoard(board === undefined ? undefined : selectorOf(board));
}

/** The options `--board`, `--key-file` and `--wait`. */
export interface BoardInput {
  readonly board: string | undefined;
  /** Of the key that the board must have. */
  readonly keyFile: string | undefined;
  /** Seconds to wait for the board to come. */
  readonly wait: number;
}

/** What may pass when a board has just come. */
const SETTLING: ReadonlySet<string> = new Set(['board-denied', 'board-wrong-driver', 'board-busy']);

export interface OpenedBoard {
  readonly address: BoardAddress;
  readonly connection: BoardConnection;
}

const LOOK_AGAIN_MS = 200;

/** For so long after a board has appeared, its driver may not be bound yet, and udev may not have given it its rights. */
const SETTLE_MS = 2000;

/** Opens a session with the board that the user named, or else the only one. @throws BoardError; UsageError; AbortError */
export async function openBoard({ board, keyFile, wait }: BoardInput, context: CommandContext): Promise<OpenedBoard> {
  const key = keyOf(keyFile);
  return await whenItComes(wait, context, async () => {
    const address = await boardAddress(board);
    return { address, connection: await connect(address, key, context) };
  });
}

/** Tries until the board is there, or its time is over. @param wait seconds @throws BoardError; AbortError */
export async function whenItComes<T>(wait: number, { signal }: CommandContext, attempt: () => Promise<T>): Promise<T> {
  const giveUpAtMs = performance.now() + 1000 * wait;
  let isAbsent = false;
  let settledAtMs = 0;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof BoardError)) throw error;
      const nowMs = performance.now();
      // It has just come.
      if (isAbsent && error.code !== 'board-not-found') settledAtMs = nowMs + SETTLE_MS;
      isAbsent = error.code === 'board-not-found';
      const maySettle = SETTLING.has(error.code) && nowMs < settledAtMs;
      if (!(isAbsent || maySettle) || nowMs >= giveUpAtMs) throw error;
      await sleep(LOOK_AGAIN_MS, undefined, { signal });
    }
  }
}

/** What the board says on its own, and trouble with the wire, is told as notes. */
export async function connect(
  address: BoardAddress,
  key: Uint8Array | undefined,
  context: CommandContext,
): Promise<BoardConnection> {
  const { output, signal, wires } = context;
  let text = '';
  const connection = await BoardConnection.open(opener(address), {
    signal,
    key,
    observer: wires,
    onLost: ({ message, reason }) => output.note(`${message}: ${reason} Looking for it …`),
    onBootText: (bytes) => {
      const lines = (text + Buffer.from(bytes).toString('latin1')).split('\n');
      text = (lines.pop() ?? '').slice(-1000);
      for (const line of lines) output.note(`${addressText(address)} says: ${line.trimEnd()}`);
    },
  });
  const { board, serial, firmware, image } = connection.session.hello;
  const model = image === undefined ? 'no image' : `image ${image.name}, ${hexOf(image.sha256)}`;
  output.detail(`${addressText(address)} is ${board} ${serial}, firmware ${firmware}, with ${model}`);
  return connection;
}
