/** `mmfree chat`: declaration. */
import { defineCommand, option, optionWithDefault, repeatedOption } from '../command.js';
import { integer, oneOf, path, text } from '../options.js';
import { samplingOptions } from './shared/sampling-options.js';
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
    maxTokens: optionWithDefault(
      '--max-tokens <number>',
      'end an answer after this many tokens',
      integer({ min: 1, max: 1_000_000, example: 200 }),
      256,
    ),
    ...samplingOptions,
    stop: repeatedOption('--stop <text>', 'end an answer before this text; may be given several times', text),
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
