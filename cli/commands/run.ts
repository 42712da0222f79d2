/** `mmfree run`: declaration. */
import { defineCommand, flag, option, optionalArgument } from '../command.js';
import { anyText, path } from '../options.js';
import { endingOptions, samplerOption, samplingOptions } from './shared/sampling-options.js';
import { machineOptions } from './shared/source-options.js';
import { withThread } from './shared/with-thread.js';
import { withTrace } from './shared/trace-option.js';

export const run = defineCommand({
  examples: [
    'mmfree run "Once upon a time"',
    'mmfree run --temperature 0 --max-tokens 50 "The fox said"',
    'mmfree run --ids "0 334 404"',
    'fortune | mmfree run --seed random',
    'mmfree run --board serial:/dev/ttyACM0 --check "Once upon a time"',
    'mmfree run --save-state tale.state "Once upon a time"',
    'mmfree run --load-state tale.state --save-state tale.state',
  ],
  parameters: {
    prompt: optionalArgument(
      '[prompt]',
      'text to continue; - reads it from standard input, as no prompt does if that is a pipe or a file',
      anyText,
    ),
    promptFile: option('--prompt-file <file>', 'read the prompt from this file or pipe instead', path),
    ...machineOptions,
    ...samplingOptions,
    ...endingOptions,
    sampling: samplerOption,
    check: flag(
      '--check',
      'compare each token with the reference on this computer; exit code 9 at the first that differs',
    ),
    saveState: option(
      '--save-state <file>',
      'write the state of the text to this file at the end, to go on later',
      path,
    ),
    loadState: option(
      '--load-state <file>',
      'go on with the text of this state, behind a prompt if there is one; its settings hold, except for options that are given',
      path,
    ),
    ids: flag('--ids', 'the prompt is token ids, used as they are; print token ids'),
  },
  load: withTrace(withThread(async () => (await import('../work/run/run.js')).run)),
});
