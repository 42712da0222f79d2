/**
 * How tokens are chosen: what a request says, else what `run` has where nobody says anything; only the seed is random
 * then.
 */
import { randomBytes } from 'node:crypto';
import { samplerSettings, temperatureOf } from '../../model/integer/sampler.js';
import { MAX_TOP_P, seedOf, USUAL_SAMPLING, type SamplerSettings } from '../../protocol/sampling.js';
import { invalidValue, tooManyTokens } from '../api-error.js';
import { USUAL_MAX_TOKENS, type CompletionRequest } from '../schemas.js';

export interface GenerationSettings {
  readonly maxTokens: number;
  readonly stops: readonly string[];
  /** Choices for each prompt. */
  readonly choices: number;
  /** Of the first choice. */
  readonly seed: bigint;
  /** @param choice 0 … n − 1 */
  readonly sampler: (choice: number) => SamplerSettings;
}

type Asked = Partial<Pick<CompletionRequest, 'max_tokens' | 'temperature' | 'top_p' | 'top_k' | 'seed' | 'n' | 'stop'>>;

/** Numbers of JSON are exact up to here, so that a seed that was drawn can be asked for as a number. */
const RANDOM_SEED_BITS = 53;

/**
 * @param mostTokens that this service gives
 * @param saved what holds where nothing is asked for, in a conversation
 * @throws ApiError `invalid_value`, `too_many_tokens`
 */
export function generationSettings(asked: Asked, mostTokens: number, saved?: SamplerSettings): GenerationSettings {
  const maxTokens = asked.max_tokens ?? Math.min(USUAL_MAX_TOKENS, mostTokens);
  if (maxTokens > mostTokens) throw tooManyTokens('max_tokens', `${maxTokens} tokens are asked for`, mostTokens);
  const seed = asked.seed === undefined || asked.seed === null ? savedSeed(saved) : BigInt(asked.seed);
  const options = {
    temperature: asked.temperature ?? (saved ? temperatureOf(saved) : USUAL_SAMPLING.temperature),
    topK: asked.top_k ?? saved?.topK ?? USUAL_SAMPLING.topK,
    topP: asked.top_p ?? (saved ? saved.topP / MAX_TOP_P : USUAL_SAMPLING.topP),
  };
  const sampler = (choice: number): SamplerSettings => samplerSettings({ ...options, seed: choiceSeed(seed, choice) });
  try {
    samplerSettings({ ...options, seed });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const [name = ''] = error.message.split(' ');
    throw invalidValue(name.replaceAll('-', '_'), error.message);
  }
  const { stop } = asked;
  const stops = stop === undefined || stop === null ? [] : [stop].flat();
  return { maxTokens, stops, choices: asked.n ?? 1, seed, sampler };
}

/** That of a choice: seeds go round at 2⁶⁴. */
export function choiceSeed(seed: bigint, choice: number): bigint {
  return BigInt.asUintN(64, seed + BigInt(choice));
}

function savedSeed(saved: SamplerSettings | undefined): bigint {
  if (saved !== undefined) return seedOf(saved);
  return BigInt.asUintN(RANDOM_SEED_BITS, randomBytes(8).readBigUInt64LE());
}
