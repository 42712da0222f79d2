/** The settings of the sampler: options, else what a saved state has, else defaults. */
import { randomBytes } from 'node:crypto';
import { samplerSettings } from '../../../model/integer/sampler.js';
import { TEMPERATURE_RANGE, USUAL_SAMPLING, type SamplerSettings } from '../../../protocol/sampling.js';
import { badValue } from '../../usage-error.js';

/** Options of the command line; undefined for those that were not given. */
export interface SamplerInput {
  readonly temperature: number | undefined;
  readonly topK: number | undefined;
  readonly topP: number | undefined;
  readonly seed: bigint | 'random' | undefined;
}

/** @param saved of the state with which the run goes on @throws UsageError */
export function runSampler(input: SamplerInput, saved: SamplerSettings | undefined): SamplerSettings {
  const { temperature, topK, topP, seed } = input;
  const fixedSeed = seed === 'random' ? randomBytes(8).readBigUInt64LE() : seed;
  const asked = settingsOf({
    temperature: temperature ?? USUAL_SAMPLING.temperature,
    topK: topK ?? USUAL_SAMPLING.topK,
    topP: topP ?? USUAL_SAMPLING.topP,
    seed: fixedSeed ?? USUAL_SAMPLING.seed,
  });
  if (saved === undefined) return asked;
  const seeded = seed === undefined ? saved : asked;
  return {
    topK: (topK === undefined ? saved : asked).topK,
    invTemperature: (temperature === undefined ? saved : asked).invTemperature,
    topP: (topP === undefined ? saved : asked).topP,
    seedLow: seeded.seedLow,
    seedHigh: seeded.seedHigh,
  };
}

function settingsOf(input: Parameters<typeof samplerSettings>[0]): SamplerSettings {
  try {
    return samplerSettings(input);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw badValue('--temperature', String(input.temperature), `0, or ${TEMPERATURE_RANGE}`, '0.8');
  }
}
