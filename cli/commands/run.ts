/** `mmfree run`: declaration. */
import { MAX_CANDIDATES, TEMPERATURE_MILLI, TEMPERATURE_RANGE, USUAL_SAMPLING } from '../../protocol/sampling.js';
import { defineCommand, flag, option, optionalArgument, optionWithDefault, repeatedOption } from '../command.js';
import { anyText, decimal, integer, oneOf, path, seedOrRandom, text } from '../options.js';
import { backendOption, boardOption, imageOption, keyFileOption, waitOption } from './shared/source-options.js';
import { traceOption, withTrace } from './shared/trace-option.js';

/** What a state has too: who loads one does not mean settings that are made for all commands. */
const OF_STATES = { excludes: ['load-state'] };

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
    board: boardOption,
    keyFile: keyFileOption,
    wait: waitOption,
    trace: traceOption,
    image: imageOption,
    backend: backendOption,
    maxTokens: optionWithDefault(
      '--max-tokens <number>',
      'stop after this many tokens',
      integer({ min: 1, max: 1_000_000, example: 200 }),
      256,
    ),
    temperature: option(
      '--temperature <number>',
      `0 always takes the likeliest token; else ${TEMPERATURE_RANGE} (default: ${USUAL_SAMPLING.temperature})`,
      decimal({ min: 0, max: TEMPERATURE_MILLI.max / 1000, example: 0.8 }),
      OF_STATES,
    ),
    topK: option(
      '--top-k <number>',
      `choose among this many of the likeliest tokens, 1 to ${MAX_CANDIDATES} (default: ${USUAL_SAMPLING.topK})`,
      integer({ min: 1, max: MAX_CANDIDATES, example: 40 }),
      OF_STATES,
    ),
    topP: option(
      '--top-p <number>',
      `choose among the likeliest tokens that have this probability together (default: ${USUAL_SAMPLING.topP})`,
      decimal({ min: 0.00001, max: 1, example: 0.95 }),
      OF_STATES,
    ),
    seed: option(
      '--seed <number>',
      `the same seed gives the same text, on every machine; random takes a new one and shows it (default: ${USUAL_SAMPLING.seed})`,
      seedOrRandom,
      OF_STATES,
    ),
    stop: repeatedOption('--stop <text>', 'stop before this text; may be given several times', text),
    sampling: option(
      '--sampling <where>',
      'who chooses the tokens of a board: board (default), or host (from the candidates that it sends)',
      oneOf(['board', 'host']),
      { excludes: ['backend'] },
    ),
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
  load: withTrace(async () => (await import('../work/run/run.js')).run),
});
