/** What the engine gets of a command. */
import type { EngineOptions } from '../../../engine/options.js';
import type { CommandContext } from '../../command.js';

export function engineOptions({ output, signal, wires }: CommandContext): EngineOptions {
  return {
    signal,
    wires,
    onNote: (text, about) =>
      output.note(about?.hasFailed === true ? `${text} (\`mmfree doctor\` says what to do)` : text),
    onDetail: (text) => output.detail(text),
  };
}
