/** The only board there is. Boards have their images: who named one means this computer. */
import type { Absence, MachineRequest } from '../machine-request.js';
import type { OpenedMachine } from '../opened-machine.js';
import type { EngineOptions } from '../options.js';

const NONE: Absence = { why: undefined, hasFailed: false };

/** @throws BoardError; ImageError; EngineError; AbortError */
export async function findBoardMachine(
  request: MachineRequest,
  options: EngineOptions,
): Promise<OpenedMachine | Absence> {
  if (request.image !== undefined) return NONE;
  const { onlyBoard } = await import('../../device/finding/discovery.js');
  if ((await onlyBoard()) === undefined) return NONE;
  const { openBoardMachine } = await import('./board.js');
  return await openBoardMachine(request, options);
}
