/**
 * The integer sampler: the same logits, settings, seed and index give the same token on every machine.
 *
 * docs/ARITHMETIC.md, section 8.
 */
import {
  MAX_CANDIDATES,
  MAX_TOP_P,
  TEMPERATURE_MILLI,
  TEMPERATURE_RANGE,
  type SamplerSettings,
} from '../../protocol/sampling.js';
import { mul15 } from './fixed-point.js';
import { threefry } from './threefry.js';

/** Settings as a person gives them. */
export interface SamplerOptions {
  /** 0 (greedy) or 0.05 … 10. */
  readonly temperature: number;
  /** 1 … 64. */
  readonly topK: number;
  /** Above 0, at most 1. */
  readonly topP: number;
  /** 0 … 2⁶⁴ − 1. */
  readonly seed: bigint;
}

/** One of the largest logits. */
export interface Candidate {
  readonly id: number;
  /** int32, Q12. */
  readonly logit: number;
}

/** How many of the largest logits a choice depends on. */
export function candidatesNeeded({ topK, invTemperature }: SamplerSettings): number {
  return invTemperature === 0 ? 1 : topK;
}

/** log₂e in Q10, times 1,000. */
const LOG2E_Q10_MILLI = 1_477_320;

/**
 * Turns options into integers; the temperature counts in thousandths.
 *
 * @param options as a person gives them
 * @throws RangeError naming the option that is out of range.
 */
export function samplerSettings(options: SamplerOptions): SamplerSettings {
  const { temperature, topK, topP, seed } = options;
  const milli = Math.round(temperature * 1000);
  if (!(temperature === 0 || (milli >= TEMPERATURE_MILLI.min && milli <= TEMPERATURE_MILLI.max))) {
    throw new RangeError(`temperature must be 0 or ${TEMPERATURE_RANGE}, not ${temperature}`);
  }
  if (!Number.isInteger(topK) || topK < 1 || topK > MAX_CANDIDATES) {
    throw new RangeError(`top-k must be 1 … ${MAX_CANDIDATES}, not ${topK}`);
  }
  if (!(topP > 0 && topP <= 1)) throw new RangeError(`top-p must be above 0 and at most 1, not ${topP}`);
  if (seed < 0n || seed >= 1n << 64n) throw new RangeError(`seed must be 0 … 2^64 − 1, not ${seed}`);
  return {
    topK,
    invTemperature: milli === 0 ? 0 : inverseOf(milli),
    topP: Math.max(1, Math.floor(topP * MAX_TOP_P + 0.5)),
    seedLow: Number(seed & 0xffff_ffffn),
    seedHigh: Number(seed >> 32n),
  };
}

/** The temperature with the fewest digits that becomes this setting. */
export function temperatureOf({ invTemperature }: Pick<SamplerSettings, 'invTemperature'>): number {
  if (invTemperature === 0) return 0;
  const exact = LOG2E_Q10_MILLI / 1000 / invTemperature;
  const rounded = [1, 2, 3, 4].map((digits) => Number(exact.toPrecision(digits)));
  return rounded.find((temperature) => inverseOf(Math.round(temperature * 1000)) === invTemperature) ?? exact;
}

/** @param milli the temperature in thousandths, not 0 */
function inverseOf(milli: number): number {
  return Math.floor((LOG2E_Q10_MILLI + (milli >> 1)) / milli);
}

/** Chooses tokens; holds the buffers, so that a choice allocates nothing but the generator's pair of words. */
export class Sampler {
  readonly #exp2: Uint16Array;
  readonly #ids = new Int32Array(MAX_CANDIDATES);
  readonly #logits = new Int32Array(MAX_CANDIDATES);
  readonly #cumulative = new Int32Array(MAX_CANDIDATES);

  /** `exp2` is the image's EXP2 table, 256 × Q15. */
  constructor(exp2: Uint16Array) {
    this.#exp2 = exp2;
  }

  /** Chooses a token id from V logits (Q12) for the `index`-th token of a run. */
  choose(logits: Int32Array, settings: SamplerSettings, index: number): number {
    return this.#draw(this.#selectLargest(logits, candidatesNeeded(settings)), settings, index);
  }

  /** The `limit` largest logits, the largest first, equal ones by lower id. */
  largest(logits: Int32Array, limit: number): Candidate[] {
    const count = this.#selectLargest(logits, limit);
    return Array.from({ length: count }, (_, j) => ({ id: this.#ids[j], logit: this.#logits[j] }));
  }

  /** As `choose`, from what {@link largest} gave for {@link candidatesNeeded}, perhaps on another machine. */
  chooseAmong(candidates: readonly Candidate[], settings: SamplerSettings, index: number): number {
    candidates.forEach(({ id, logit }, j) => {
      this.#ids[j] = id;
      this.#logits[j] = logit;
    });
    return this.#draw(candidates.length, settings, index);
  }

  /** One of the first `count` candidates. */
  #draw(count: number, settings: SamplerSettings, index: number): number {
    if (count === 1) return this.#ids[0];

    const best = this.#logits[0];
    const cumulative = this.#cumulative;
    let total = 0;
    for (let j = 0; j < count; j++) {
      const distance = Math.min(best - this.#logits[j], 2 ** 26 - 1); // Q12
      const exponent = mul15(distance << 4, settings.invTemperature); // Q11
      total += this.#exp2[(exponent >> 3) & 255] >> Math.min(exponent >> 11, 31);
      cumulative[j] = total;
    }
    const kept = settings.topP < MAX_TOP_P ? this.#firstAtLeast(mul15(total, settings.topP), count) + 1 : count;
    total = cumulative[kept - 1];

    const random = threefry(settings.seedLow, settings.seedHigh, index, 0) >>> 17;
    const target = Math.floor((total * random) / 32768);
    return this.#ids[this.#firstAtLeast(target + 1, kept)];
  }

  /** First of `count` cumulative weights that reaches `threshold`; the last if none does. */
  #firstAtLeast(threshold: number, count: number): number {
    let j = 0;
    while (j < count - 1 && this.#cumulative[j] < threshold) j++;
    return j;
  }

  /** Keeps the `limit` largest logits sorted, equal ones by lower id; returns how many there are. */
  #selectLargest(logits: Int32Array, limit: number): number {
    const ids = this.#ids;
    const values = this.#logits;
    let count = 0;
    for (let id = 0; id < logits.length; id++) {
      const value = logits[id];
      if (count === limit && value <= values[count - 1]) continue;
      let slot = count < limit ? count++ : count - 1;
      while (slot > 0 && values[slot - 1] < value) {
        values[slot] = values[slot - 1];
        ids[slot] = ids[slot - 1];
        slot--;
      }
      values[slot] = value;
      ids[slot] = id;
    }
    return count;
  }
}
