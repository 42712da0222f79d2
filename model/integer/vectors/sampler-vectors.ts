/** Vectors of docs/ARITHMETIC.md, section 8: comparisons at exact equality, then random cases. */

import { exp2Table } from '../../../protocol/image/tables.js';
import { mul15 } from '../fixed-point.js';
import { MAX_CANDIDATES, type SamplerSettings } from '../../../protocol/sampling.js';
import { Sampler } from '../sampler.js';
import { threefry } from '../threefry.js';
import type { Words } from './words.js';

interface Case {
  readonly logits: Int32Array;
  readonly settings: SamplerSettings;
  readonly index: number;
}

export function* samplerLines(words: Words, count: number): Generator<string> {
  const sampler = new Sampler(exp2Table());
  const lineOf = ({ logits, settings, index }: Case): string =>
    JSON.stringify({
      logits: [...logits],
      top_k: settings.topK,
      inv_temperature: settings.invTemperature,
      top_p: settings.topP,
      seed_low: settings.seedLow,
      seed_high: settings.seedHigh,
      index,
      id: sampler.choose(logits, settings, index),
    });
  for (const edge of edges()) yield lineOf(edge);
  for (let index = 0; index < count; index++) yield lineOf(randomCase(words, index));
}

/** Equal logits weigh 32768 each, so that sums and limits meet exactly. */
function* edges(): Generator<Case> {
  const equal = (count: number): Int32Array => new Int32Array(count).fill(5);
  const settings: SamplerSettings = { topK: 64, invTemperature: 1477, topP: 32_768, seedLow: 1, seedHigh: 0 };
  // C[0] = T: one of two is kept, so the second is never drawn. The draws of several indices lie on both sides.
  for (let index = 0; index < 8; index++) yield { logits: equal(2), settings: { ...settings, topP: 16_384 }, index };
  // The draw falls on C[0] exactly: `>` takes the second.
  yield { logits: equal(2), settings, index: indexOfDraw(settings, 16_384) };
  yield { logits: equal(2), settings, index: indexOfDraw(settings, 16_383) };
  // T is rounded, not cut: 32768 + w[1] times topP ends above a half.
  yield* roundedLimits(settings);
  // Equal logits at the end of the list: lower ids stay.
  for (let index = 0; index < 8; index++) yield { logits: equal(9), settings: { ...settings, topK: 3 }, index };
  // Distances beyond 2^26, and weights that are shifted out.
  const far = Int32Array.of(2 ** 30 - 1, -(2 ** 30), 2 ** 30 - 1 - 2 ** 26, 0);
  for (const invTemperature of [148, 1477, 29_546])
    yield { logits: far, settings: { ...settings, invTemperature }, index: 3 };
  yield { logits: far, settings: { ...settings, invTemperature: 0 }, index: 3 };
}

/** The first index of a run whose draw ρ is `draw`, 0 … 32767. */
function indexOfDraw({ seedLow, seedHigh }: SamplerSettings, draw: number): number {
  let index = 0;
  while (threefry(seedLow, seedHigh, index, 0) >>> 17 !== draw) index++;
  return index;
}

/** Two candidates whose limit is one more when it is rounded than when it is cut, so that the list is longer. */
function* roundedLimits(settings: SamplerSettings): Generator<Case> {
  const exp2 = exp2Table();
  const first = exp2[0];
  for (let second = 1; second < 256; second++) {
    const total = first + exp2[second];
    const topP = Math.ceil((first * 32_768 + 16_384) / total);
    const limit = mul15(total, topP);
    if (limit !== first + 1 || Math.floor((total * topP) / 32_768) !== first) continue;
    // y = second·8 in Q11: the distance that invTemperature 32768/64 would give is second << 8.
    const logits = Int32Array.of(0, -(second << 5));
    const sharp = { ...settings, topP, invTemperature: 512 };
    for (let index = 0; index < 8; index++) yield { logits, settings: sharp, index };
    return;
  }
}

function randomCase(words: Words, index: number): Case {
  return {
    logits: Int32Array.from({ length: 2 + words.below(99) }, () => words.signed(17)),
    settings: {
      topK: 1 + words.below(MAX_CANDIDATES),
      invTemperature: index % 10 === 9 ? 0 : 148 + words.below(4000),
      topP: index % 3 === 0 ? 32_768 : 1 + words.below(32_767),
      seedLow: words.unsigned(),
      seedHigh: words.unsigned(),
    },
    index,
  };
}
