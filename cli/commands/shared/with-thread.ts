/** The first thread of the processor starts while the work is loaded that will use it: each takes as long. */
import type { CommandContext } from '../../command.js';
import type { SourceInput } from '../../work/machines/open-machine.js';

type Work<Input> = (input: Input, context: CommandContext) => Promise<void>;

/** Work that will probably compute on this computer's processor. If it does not, the thread ends by itself. */
export function withThread<Input extends SourceInput>(
  load: () => Promise<Work<Input>>,
): (input: Input) => Promise<Work<Input>> {
  return async (input) => {
    if (isProcessorLikely(input)) await startThread();
    return await load();
  };
}

async function startThread(): Promise<void> {
  const { startAhead } = await import('../../../model/backends/cpu/node/start-thread.js');
  startAhead();
}

function isProcessorLikely({ backend, board, keyFile, wait, sampling }: SourceInput): boolean {
  if (backend !== undefined) return backend === 'cpu';
  return board === undefined && keyFile === undefined && wait === 0 && sampling === undefined;
}
