/** The options that say how tokens are chosen, and where a text ends. */
import { MAX_CANDIDATES, TEMPERATURE_MILLI, TEMPERATURE_RANGE, USUAL_SAMPLING } from '../../../protocol/sampling.js';
import { option, optionWithDefault, repeatedOption } from '../../command.js';
import { decimal, integer, oneOf, seedOrRandom, text } from '../../options.js';

/** What a state has too: who loads one does not mean settings that are made for all commands. */
const OF_STATES = { excludes: ['load-state'] };

export const samplingOptions = {
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
};

export const samplerOption = option(
  '--sampling <where>',
  'who chooses the tokens of a board: board (default), or host (from the candidates that it sends)',
  oneOf(['board', 'host']),
  { excludes: ['backend'] },
);

export const endingOptions = {
  maxTokens: optionWithDefault(
    '--max-tokens <number>',
    'stop after this many tokens',
    integer({ min: 1, max: 1_000_000, example: 200 }),
    256,
  ),
  stop: repeatedOption('--stop <text>', 'stop before this text; may be given several times', text),
};
