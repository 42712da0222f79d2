/** `--trace`, the same in every command that talks to boards. */
import { option, type Work } from '../../command.js';
import { path } from '../../options.js';

export const traceOption = option(
  '--trace <file>',
  'write each frame to and from the board, decoded, to this new file as JSON Lines',
  path,
);

/** Work whose wires are traced where that is asked for; what it takes is loaded then. */
export function withTrace<Input>(
  load: (input: Input) => Promise<Work<Input>>,
): (input: Input) => Promise<Work<Input & { readonly trace: string | undefined }>> {
  return async (first) => {
    const work = await load(first);
    return async (input, context) => {
      if (input.trace === undefined) return await work(input, context);
      const { traced } = await import('../../work/trace.js');
      await traced(input.trace, context, async (watched) => await work(input, watched));
    };
  };
}
