/** `mmfree chat`: declaration. */
import { defineCommand, option } from '../command.js';
import { oneOf, path, text } from '../options.js';
import { endingOptions, samplingOptions } from './shared/sampling-options.js';
import { backendOption, boardOption, imageOption, keyFileOption, waitOption } from './shared/source-options.js';
import { traceOption, withTrace } from './shared/trace-option.js';

export const chat = defineCommand({
  examples: [
    'mmfree chat',
    'mmfree chat --image model.mmfree --system "Answer in one sentence."',
    'mmfree chat --board serial:/dev/ttyACM0 --load-state yesterday.state',
    'printf "Hello\\nWho are you?\\n" | mmfree chat --temperature 0',
  ],
  parameters: {
    board: boardOption,
    keyFile: keyFileOption,
    wait: waitOption,
    trace: traceOption,
    image: imageOption,
    backend: backendOption,
    system: option('--system <text>', 'what the model is told before everything else', text),
    ...samplingOptions,
    ...endingOptions,
    sampling: option(
      '--sampling <where>',
      'who chooses the tokens of a board: board (default), or host (from the candidates that it sends)',
      oneOf(['board', 'host']),
      { excludes: ['backend'] },
    ),
    loadState: option('--load-state <file>', 'go on with the conversation of this state', path),
  },
  load: withTrace(async () => (await import('../work/chat/chat.js')).chat),
});
