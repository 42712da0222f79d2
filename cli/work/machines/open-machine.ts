/** From the options `--board`, `--wait`, `--sampling`, `--image` and `--backend` to a machine. */
import { findMachine } from '../../../engine/find-machine.js';
import type { MachineRequest } from '../../../engine/machine-request.js';
import { machineKind } from '../../../engine/machines.js';
import type { OpenedMachine } from '../../../engine/opened-machine.js';
import type { CommandContext } from '../../command.js';
import { UsageError } from '../../usage-error.js';
import { imageOrShipped } from '../shipped.js';
import { engineOptions } from './engine-options.js';
import { asksForBoard, type SourceInput } from './source-input.js';

/** Whether options ask for a board. @throws UsageError where others ask for this computer */
function isBoardMeant(input: SourceInput): boolean {
  const isMeant = asksForBoard(input);
  if (isMeant && input.backend !== undefined) throw input.sampling === undefined ? twoSources() : samplingOfBoards();
  return isMeant;
}

/**
 * What the user named, or else the only board there is, or else the GPU if there is one, or else the processor; what
 * nobody named is said.
 *
 * @throws ImageError; BoardError; GpuError; EngineError; UsageError
 */
export async function openMachine(input: SourceInput, context: CommandContext): Promise<OpenedMachine> {
  const { image, backend, wait, sampling } = input;
  const options = engineOptions(context);
  if (isBoardMeant(input)) {
    const [{ selectorOf }, { keyOf }] = await Promise.all([import('./selector.js'), import('../key-file.js')]);
    const request = { image, board: selectorOf(input.board), key: keyOf(input.keyFile), wait, sampling };
    return await machineKind('board').open(request, options);
  }
  const request: MachineRequest = { image, text: true };
  if (backend === undefined) return await findMachine(request, options);
  return await machineKind(backend).open({ ...request, image: imageOrShipped(image, context.output) }, options);
}

function samplingOfBoards(): UsageError {
  return new UsageError('conflicting-options', '--sampling and --backend exclude each other', {
    reason:
      '--sampling says who chooses the tokens of a board; --backend names what computes on this computer and chooses itself.',
    fix: 'Leave one of them out.',
  });
}

function twoSources(): UsageError {
  return new UsageError('conflicting-options', '--board, --key-file or --wait and --backend exclude each other', {
    reason: 'A board computes by itself; --backend says what computes on this computer.',
    fix: 'Give one of them.',
  });
}
