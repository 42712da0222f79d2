/**
 * The core in C against the reference: receipts, taps, states and choices, on random and extreme models.
 *
 * The two share a document and no code.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { IntegerModel } from '../../model/integer/integer-model.js';
import { readModelWeights, residentBytes } from '../../model/integer/model-weights.js';
import { Sampler } from '../../model/integer/sampler.js';
import { threefryPair } from '../../model/integer/threefry.js';
import { crc32 } from '../../protocol/crc32.js';
import { MAX_CANDIDATES, MAX_INV_TEMPERATURE, MAX_TOP_P, type SamplerSettings } from '../../protocol/sampling.js';
import type { ModelSections } from '../../protocol/image/model-shape.js';
import { answersOf, bytesOf, compileFirmware, HAS_C_COMPILER } from '../helpers/c-compiler.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { imageOf } from '../helpers/tiny-image.js';
import { Prng } from '../oracle/prng.js';
import { EXTREME_MODELS, randomModel, WIDE_HEAD_MODEL } from '../oracle/random-model.js';

const TOKENS = count(8, 64);
const MODELS = count(40, 800);

type SettingsOf = (random: Prng, draw: number) => SamplerSettings;

function anySettings(random: Prng): SamplerSettings {
  return {
    topK: random.between(1, MAX_CANDIDATES),
    invTemperature: random.between(0, 3) === 0 ? 0 : random.between(1, MAX_INV_TEMPERATURE),
    topP: random.between(0, 1) === 0 ? MAX_TOP_P : random.between(1, MAX_TOP_P),
    seedLow: random.next(),
    seedHigh: random.next(),
  };
}

/**
 * For 64 equal logits, whose sums are multiples of 2¹⁵: a limit of top-p that is one of them, and a draw that is one, too
 * (ARITHMETIC.md, section 8: C ≥ limit, and C > draw). Chance would find neither.
 */
function settingsAtEdges(random: Prng, draw: number): SamplerSettings {
  const left = 2 ** random.between(0, 6);
  const topP = (MAX_TOP_P / MAX_CANDIDATES) * left;
  const seedHigh = random.next();
  let seedLow = random.next();
  const isAtEdge = (): boolean => (left * (threefryPair(seedLow, seedHigh, draw, 0)[0] >>> 17)) % 2 ** 15 === 0;
  // Half of them: such a draw says nothing of the limit.
  if (random.between(0, 1) === 0) while (!isAtEdge()) seedLow = (seedLow + 1) >>> 0;
  return { topK: MAX_CANDIDATES, invTemperature: random.between(1, MAX_INV_TEMPERATURE), topP, seedLow, seedHigh };
}

/** Temperatures so high that logits as far apart as they can be still have a chance. */
function hottestSettings(random: Prng): SamplerSettings {
  return { ...anySettings(random), topK: MAX_CANDIDATES, invTemperature: random.between(1, 8), topP: MAX_TOP_P };
}

/** Tokens for the program, and what it must answer. */
class Session {
  readonly input: Uint8Array[] = [];
  readonly expected: number[] = [];
  receipts = 0;

  add(sections: ModelSections, seed: number, tokens = TOKENS, settingsOf: SettingsOf = anySettings): void {
    const image = imageOf(sections);
    const weights = readModelWeights(residentBytes(sections));
    const model = new IntegerModel(weights);
    const sampler = new Sampler(weights.exp2);
    const random = new Prng(seed);
    this.expected.push(1);
    this.input.push(bytesOf([image.length]), image, bytesOf([tokens]));
    for (let index = 0; index < tokens; index++) {
      const flags = index === tokens >> 1 ? 1 : index % 3 === 2 ? 2 : 0;
      if (flags === 1) model.reset();
      const token = random.between(0, sections.shape.vocabSize - 1);
      const taps = model.stepWithTaps(token);
      const draw = random.next();
      const settings = settingsOf(random, draw);
      const { topK, invTemperature, topP, seedLow, seedHigh } = settings;
      this.input.push(bytesOf([flags, token, topK, topK, invTemperature, topP, seedLow, seedHigh, draw]));
      const state = new Uint8Array(model.state.buffer, model.state.byteOffset, model.state.byteLength);
      const candidates = sampler.largest(model.logits, topK);
      const chosen = sampler.choose(model.logits, settings, draw);
      this.expected.push(model.receipt(), crc32(state), ...taps, chosen, candidates.length);
      this.expected.push(...candidates.flatMap(({ id, logit }) => [id, logit >>> 0]));
      this.receipts++;
    }
  }
}

describe.skipIf(!HAS_C_COMPILER)('the core in C', () => {
  const at = temporaryFolder();
  let program = '';
  beforeAll(async () => {
    program = await compileFirmware('compute', at('.'));
  });

  function expectSame(session: Session): void {
    const words = answersOf(program, session.input);
    const different = session.expected.findIndex((word, index) => word !== words[index]);
    expect(different, `word ${different} of ${words.length} differs`).toBe(-1);
    expect(words).toHaveLength(session.expected.length);
  }

  it('equals the reference on extreme models', () => {
    const session = new Session();
    for (const [title, recipe] of Object.entries(EXTREME_MODELS)) {
      session.add(randomModel(1, recipe), 2, title.startsWith('longest rows') ? 3 : TOKENS);
    }
    if (count(0, 1) === 1) session.add(randomModel(1, WIDE_HEAD_MODEL), 3, 1);
    expectSame(session);
    figure('core in C: receipts, taps, states and choices equal on extreme models', String(session.receipts));
  });

  it('chooses as the reference where sums are equal, and where logits are as far apart as they can be', () => {
    const session = new Session();
    const shape = { hiddenSize: 5, intermediateSize: 5, vocabSize: 70, layers: 1 };
    session.add(randomModel(1, { shape, trit: () => 0 }), 4, 200, settingsAtEdges);
    session.add(randomModel(2, { shape, em: () => 24 }), 5, 100, hottestSettings);
    expectSame(session);
  });

  it('equals the reference on random models', () => {
    const session = new Session();
    const random = new Prng(20);
    for (let index = 0; index < MODELS; index++) {
      const loudness = random.between(-6, 12);
      const shape = {
        vocabSize: random.between(2, 400),
        hiddenSize: random.between(1, index % 8 === 0 ? 300 : 40),
        intermediateSize: random.between(1, index % 8 === 0 ? 600 : 60),
        layers: random.between(1, 4),
      };
      session.add(randomModel(index, { shape, em: (draw) => draw.between(-26, -22) + loudness }), index);
    }
    expectSame(session);
    figure('core in C: receipts, taps, states and choices equal on random models', String(session.receipts));
  });
});
