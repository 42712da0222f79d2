/** The first thread of the processor starts while the work is loaded that will use it: each takes as long. */
import type { Work } from '../../command.js';
import { asksForBoard, type SourceInput } from '../../work/machines/source-input.js';

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

function isProcessorLikely(input: SourceInput): boolean {
  return input.backend === undefined ? !asksForBoard(input) : input.backend === 'cpu';
}
