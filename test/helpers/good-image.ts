/** Small images that a board takes: their self-test is what the integer model computes. */

import { IntegerModel } from '../../model/integer/integer-model.js';
import { readModelWeights, residentBytes } from '../../model/integer/model-weights.js';
import { Sampler, samplerSettings } from '../../model/integer/sampler.js';
import type { SelfTest } from '../../protocol/image/manifest.js';
import type { ModelSections } from '../../protocol/image/model-shape.js';
import { imageOf, tinySections } from './tiny-image.js';
import type { TinyImageOptions } from './tiny-image.js';

const GREEDY = samplerSettings({ temperature: 0, topK: 1, topP: 1, seed: 0n });

/** Different seeds give different models. */
export function goodImage(seed: number, options: Omit<TinyImageOptions, 'selfTest'> = {}): Uint8Array {
  return goodImageOf(tinySections(seed), options);
}

export function goodImageOf(sections: ModelSections, options: Omit<TinyImageOptions, 'selfTest'> = {}): Uint8Array {
  return imageOf(sections, { ...options, selfTest: selfTestOf(sections) });
}

function selfTestOf(sections: ModelSections): SelfTest {
  const weights = readModelWeights(residentBytes(sections));
  const model = new IntegerModel(weights);
  const sampler = new Sampler(weights.exp2);
  const prompt = [sections.shape.bosTokenId, 0];
  const tokens: number[] = [];
  const receipts: number[] = [];
  for (let position = 0; position < prompt.length + 2; position++) {
    model.step(prompt[position] ?? tokens.at(-1) ?? 0);
    receipts.push(model.receipt());
    if (position >= prompt.length - 1) tokens.push(sampler.choose(model.logits, GREEDY, 0));
  }
  return { prompt: Uint32Array.from(prompt), tokens: Uint32Array.from(tokens), receipts: Uint32Array.from(receipts) };
}
