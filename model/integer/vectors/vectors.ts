/**
 * Test vectors for whoever builds another implementation: primitives, single channels, the BitLinear unit, the sampler,
 * and whole tokens of an image.
 *
 * Origin of every vector: the integer reference; inputs are edges of the definitions, then random words (`words.ts`).
 */
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { IntegerModel } from '../integer-model.js';
import type { ModelWeights } from '../model-weights.js';
import { bitLinearLines } from './bitlinear-vectors.js';
import { gateLines, gluLines, residualLines, saturationLines, stateLines } from './channel-vectors.js';
import { mul15Lines, roundShiftLines, sigmoidLines, squareRootLines, tritLines } from './primitive-vectors.js';
import { samplerLines } from './sampler-vectors.js';
import { hex, Words } from './words.js';

/** One file of vectors. */
export interface VectorFile {
  /** Such as `mul15.hex`. */
  readonly name: string;
  /** What a line holds, for the index. */
  readonly format: string;
  readonly lines: Iterable<string>;
}

/** Vectors that need no model. `count` random cases beside the edges of each. */
export function primitiveVectors(seed: number, count: number): VectorFile[] {
  const words = (file: number): Words => new Words(seed + file);
  return [
    { name: 'mul15.hex', format: 'a (8 digits), b (4), mul15(a, b) (8)', lines: mul15Lines(words(0), count) },
    { name: 'rsh.hex', format: 'a (8), s (2), rsh(a, s) (8)', lines: roundShiftLines(words(1), count) },
    { name: 'isqrt.hex', format: 'a (8), floor(sqrt(a)) (4)', lines: squareRootLines(words(2), count) },
    { name: 'sat.hex', format: 'a (8), sat_16(a) (4), sat_31(a) (8)', lines: saturationLines(words(5), count) },
    {
      name: 'sigmoid.hex',
      format: 'sigma(p) (4) for p = 0 … 7fff, then 8000 … ffff (negative)',
      lines: sigmoidLines(),
    },
    { name: 'trits.hex', format: 'for each byte 00 … f2 five digits t + 1, row 0 first', lines: tritLines() },
    {
      name: 'state.hex',
      format: 'h before (8), outputs of i (8) and f (8), clb (4), h after (8)',
      lines: stateLines(words(6), count),
    },
    {
      name: 'gate.hex',
      format: 'h (8), g saturated to 16 bits (4), gNorm (4), v of the o product (8)',
      lines: gateLines(words(7), count),
    },
    { name: 'glu.hex', format: 'outputs of gate (8) and up (8), z (8)', lines: gluLines(words(8), count) },
    { name: 'residual.hex', format: 'x (8), output (8), x after (8)', lines: residualLines(words(9), count) },
    {
      name: 'bitlinear.jsonl',
      format:
        'one product (JSON): inputs v, epsilon (the addend of step B), gain, mm, em, weights (as in an image); n, sum (S), ' +
        'q, mantissa and exponent (of step G), out; without q, mantissa and exponent where M = 0',
      lines: bitLinearLines(words(3), count),
    },
    {
      name: 'sampler.jsonl',
      format: 'logits, settings, index, chosen id (JSON)',
      lines: samplerLines(words(4), count),
    },
  ];
}

/** Random tokens, the first being the beginning-of-text token. */
export function* randomTokens({ vocabSize, bosTokenId }: ModelShape, seed: number, count: number): Generator<number> {
  const words = new Words(seed);
  for (let position = 0; position < count; position++) yield position === 0 ? bosTokenId : words.below(vocabSize);
}

/** Receipts and taps of tokens that are fed to a zero state. */
export function* tokenLines(weights: ModelWeights, tokens: Iterable<number>): Generator<string> {
  const model = new IntegerModel(weights);
  let position = 0;
  for (const token of tokens) {
    const taps = Array.from(model.stepWithTaps(token), (tap) => hex(tap, 8));
    yield JSON.stringify({ position: position++, token, taps, receipt: hex(model.receipt(), 8) });
  }
}
