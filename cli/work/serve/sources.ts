/** From options to the machines of the service: boards that are named or plugged in, and this computer for images. */
import { statSync } from 'node:fs';
import type { BoardConnection } from '../../../device/connection.js';
import { boardKey } from '../../../device/finding/board-watch.js';
import { findBoards } from '../../../device/finding/discovery.js';
import { flashImage } from '../../../device/flash-image.js';
import { revertImage } from '../../../device/read-image.js';
import { addressText, type BoardSelector } from '../../../device/selector.js';
import type { MachineRequest } from '../../../engine/machine-request.js';
import { machineKind } from '../../../engine/machines.js';
import { openBoard } from '../../../engine/open-board.js';
import type { EngineOptions } from '../../../engine/options.js';
import { findMachine } from '../../../engine/find-machine.js';
import { SHIPPED_IMAGE } from '../../../engine/shipped.js';
import { openChecked } from '../../../model/check-image.js';
import type { MachineSource } from '../../../serve/models/machine-source.js';
import type { CommandContext } from '../../command.js';
import { keyOf } from '../key-file.js';
import { engineOptions } from '../machines/engine-options.js';
import { selectorOf } from '../machines/selector.js';

export interface SourcesInput {
  readonly image: readonly string[];
  readonly board: readonly string[];
  readonly keyFile: string | undefined;
  readonly backend: string | undefined;
}

/** Among `--board`: all that are plugged in, whenever they are. */
const AUTO = 'auto';

/**
 * What is there as long as the options are. This computer computes unless only boards are meant.
 *
 * @throws UsageError; FileError
 */
export function sourcesOf(input: SourcesInput, context: CommandContext): MachineSource[] {
  const { image, board, backend } = input;
  const named = board.filter((name) => name !== AUTO);
  const boards = named.map((name) => boardSource(name, name, selectorOf(name), input, context));
  const isComputerMeant = image.length > 0 || backend !== undefined || board.length === 0;
  const images = image.length > 0 ? image : isComputerMeant ? [SHIPPED_IMAGE] : [];
  return [...boards, ...images.map((path) => computerSource(path, backend, context))];
}

/** Boards that are plugged in and that no option names, where those are asked for. */
export async function pluggedBoards(input: SourcesInput, context: CommandContext): Promise<readonly MachineSource[]> {
  if (!input.board.includes(AUTO)) return [];
  const found = await findBoards();
  return found.flatMap((board) => {
    const { address, serial, kind } = board;
    const text = addressText(address);
    // Nothing is sent to what may be a modem, and a board that cannot be opened is told by `doctor`.
    if (kind !== 'virtual' && kind !== 'usb') return [];
    if (board.portProblem !== undefined || [text, serial].some((name) => input.board.includes(name))) return [];
    const selector = address.kind === 'usb' ? ({ kind: 'usb-path', path: address.device.path } as const) : address;
    return [boardSource(text, boardKey(board), selector, input, context)];
  });
}

function boardSource(
  name: string,
  key: string,
  board: BoardSelector,
  { keyFile }: SourcesInput,
  context: CommandContext,
): MachineSource {
  // The service looks for it, and computes elsewhere meanwhile.
  const request: MachineRequest = { board, key: keyOf(keyFile), text: true, reconnectMs: 0 };
  const options = engineOptions(context);
  return {
    name,
    key,
    open: async (signal) => await machineKind('board').open(request, { ...options, signal }),
    board: {
      flash: async (path, signal) => {
        const image = await openChecked(path, signal);
        try {
          await withConnection(request, { ...options, signal }, async (connection) => {
            await flashImage(connection, image, { signal });
          });
        } finally {
          image.close();
        }
      },
      revert: async (signal) =>
        await withConnection(request, { ...options, signal }, async ({ session }) => await revertImage(session)),
    },
  };
}

/** Of a board that has just been let go of. */
const SETTLE_SECONDS = 10;

async function withConnection(
  { board, key }: MachineRequest,
  options: EngineOptions,
  work: (connection: BoardConnection) => Promise<void>,
): Promise<void> {
  const { connection } = await openBoard({ board, key, wait: SETTLE_SECONDS }, options);
  try {
    await work(connection);
  } finally {
    await connection.close();
  }
}

function computerSource(path: string, backend: string | undefined, context: CommandContext): MachineSource {
  const request: MachineRequest = { image: path, text: true };
  return {
    name: `${path} on this computer`,
    key: `${backend ?? ''} ${path} ${fileIdentity(path)}`,
    image: path,
    open: async (signal) => {
      const options = { ...engineOptions(context), signal };
      return backend === undefined
        ? await findMachine(request, options)
        : await machineKind(backend).open(request, options);
    },
  };
}

/** Another one when other bytes are there. */
function fileIdentity(path: string): string {
  const facts = statSync(path, { throwIfNoEntry: false });
  return facts === undefined ? '' : [facts.dev, facts.ino, facts.size, facts.mtimeMs].join(' ');
}
