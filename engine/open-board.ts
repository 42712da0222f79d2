/** From a selector to a session with a board. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BoardError } from '../device/board-error.js';
import { BoardConnection } from '../device/connection.js';
import { selectBoard } from '../device/finding/discovery.js';
import { addressText, opener } from '../device/selector.js';
import { hexOf } from '../protocol/hex.js';
import type { BoardAddress } from '../device/selector.js';
import type { MachineRequest } from './machine-request.js';
import type { EngineOptions } from './options.js';

/** Which board, and for how many seconds to wait until it comes. */
export type BoardRequest = Pick<MachineRequest, 'board' | 'key' | 'wait' | 'reconnectMs'>;

/** What may pass when a board has just come. */
const SETTLING: ReadonlySet<string> = new Set(['board-denied', 'board-wrong-driver', 'board-busy']);

export interface OpenedBoard {
  readonly address: BoardAddress;
  readonly connection: BoardConnection;
}

const LOOK_AGAIN_MS = 200;

/**
 * For so long after a board has appeared, its driver may not be bound yet, and udev may not have given it its rights.
 */
const SETTLE_MS = 2000;

/** Opens a session with the board that is meant, or else the only one. @throws BoardError; AbortError */
export async function openBoard(
  { board, key, wait = 0, reconnectMs }: BoardRequest,
  options: EngineOptions,
): Promise<OpenedBoard> {
  return await whenItComes(wait, options, async () => {
    const address = await selectBoard(board);
    return { address, connection: await connect(address, { key, reconnectMs }, options) };
  });
}

/** Tries until the board is there, or its time is over. @param wait seconds @throws BoardError; AbortError */
export async function whenItComes<T>(
  wait: number,
  { signal }: Pick<EngineOptions, 'signal'>,
  attempt: () => Promise<T>,
): Promise<T> {
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
  { key, reconnectMs }: Pick<BoardRequest, 'key' | 'reconnectMs'>,
  { signal, onNote, onDetail, wires }: EngineOptions,
): Promise<BoardConnection> {
  let text = '';
  const connection = await BoardConnection.open(opener(address), {
    signal,
    key,
    ...(reconnectMs !== undefined && { reconnectMs }),
    observer: wires,
    onLost: ({ message, reason }) => onNote(`${message}: ${reason} Looking for it …`),
    onBootText: (bytes) => {
      const lines = (text + Buffer.from(bytes).toString('latin1')).split('\n');
      text = (lines.pop() ?? '').slice(-1000);
      for (const line of lines) onNote(`${addressText(address)} says: ${line.trimEnd()}`);
    },
  });
  const { board, serial, firmware, image } = connection.session.hello;
  const model = image === undefined ? 'no image' : `image ${image.name}, ${hexOf(image.sha256)}`;
  onDetail?.(`${addressText(address)} is ${board} ${serial}, firmware ${firmware}, with ${model}`);
  return connection;
}
