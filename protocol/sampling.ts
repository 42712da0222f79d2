/** The settings of the integer sampler as every machine takes them, and their limits: docs/ARITHMETIC.md, section 8. */

/** Settings as integers, ready for a board. */
export interface SamplerSettings {
  /** Candidates kept, 1 … 64. */
  readonly topK: number;
  /** log₂e / temperature in Q10, 148 … 29,546; 0 chooses greedily. */
  readonly invTemperature: number;
  /** Probability mass kept, Q15, 1 … 32,768; 32,768 keeps all candidates. */
  readonly topP: number;
  /** Seed modulo 2³². */
  readonly seedLow: number;
  /** Upper 32 bits of the seed. */
  readonly seedHigh: number;
}

/** Longest list of candidates: what a board can keep sorted while the logits stream past. */
export const MAX_CANDIDATES = 64;

/** Largest 1/temperature, Q10: that of temperature 0.05. */
export const MAX_INV_TEMPERATURE = 29_546;

/** Largest top-p, Q15: off. */
export const MAX_TOP_P = 32_768;

/** Temperatures other than 0, which is greedy, in thousandths; {@link MAX_INV_TEMPERATURE} is the lowest one's. */
export const TEMPERATURE_MILLI = { min: 50, max: 10_000 } as const;

/** What holds where nobody says how tokens are chosen, as people give it. */
export const USUAL_SAMPLING = { temperature: 0.8, topK: 40, topP: 0.95, seed: 1n } as const;

/** Takes the likeliest token. */
export const GREEDY: SamplerSettings = { topK: 1, invTemperature: 0, topP: MAX_TOP_P, seedLow: 0, seedHigh: 0 };

/** Temperatures in words, for people. */
export const TEMPERATURE_RANGE = `${TEMPERATURE_MILLI.min / 1000} to ${TEMPERATURE_MILLI.max / 1000}`;

/** The seed, 0 … 2⁶⁴ − 1, of which settings have two words. */
export function seedOf({ seedLow, seedHigh }: Pick<SamplerSettings, 'seedLow' | 'seedHigh'>): bigint {
  return (BigInt(seedHigh) << 32n) | BigInt(seedLow);
}
