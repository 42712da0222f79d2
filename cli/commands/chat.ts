/** `mmfree chat`: declaration. */
import { defineCommand, option } from '../command.js';
import { path, text } from '../options.js';
import { endingOptions, samplerOption, samplingOptions } from './shared/sampling-options.js';
import { machineOptions } from './shared/source-options.js';
import { withThread } from './shared/with-thread.js';
import { withTrace } from './shared/trace-option.js';

export const chat = defineCommand({
  examples: [
    'mmfree chat',
    'mmfree chat --image model.mmfree --system "Answer in one sentence."',
    'mmfree chat --board serial:/dev/ttyACM0 --load-state yesterday.state',
    'printf "Hello\\nWho are you?\\n" | mmfree chat --temperature 0',
  ],
  parameters: {
    ...machineOptions,
    system: option('--system <text>', 'what the model is told before everything else', text),
    ...samplingOptions,
    ...endingOptions,
    sampling: samplerOption,
    loadState: option('--load-state <file>', 'go on with the conversation of this state', path),
  },
  load: withTrace(withThread(async () => (await import('../work/chat/chat.js')).chat)),
});
