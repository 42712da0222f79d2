/**
 * The program of the architecture, run by the simulator, against the reference: every logit and every tap, products
 * ending at once or as late as they may.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ImageFile } from '../../../model/image-file.js';
import { IntegerModel } from '../../../model/integer/integer-model.js';
import { readModelWeights, residentBytes, type WeightBytes } from '../../../model/integer/model-weights.js';
import { assemble } from '../../../model/program/assembler.js';
import { MODEL_PROGRAM } from '../../../model/program/model-program.js';
import { Simulator, type ProductTiming } from '../../../model/program/simulator.js';
import { TALES_IMAGE } from '../../helpers/command-line.js';
import { outcomeOf } from '../../helpers/programs.js';
import { tinySections } from '../../helpers/tiny-image.js';
import { Prng } from '../../oracle/prng.js';
import { EXTREME_MODELS, randomModel } from '../../oracle/random-model.js';

function expectSameRun(weights: WeightBytes, tokens: number, seed: number, timings: readonly ProductTiming[]): void {
  const reference = new IntegerModel(readModelWeights(weights));
  const simulators = timings.map((timing) => new Simulator(weights, MODEL_PROGRAM, { timing }));
  const random = new Prng(seed);
  for (let position = 0; position < tokens; position++) {
    const token = random.between(0, weights.shape.vocabSize - 1);
    const taps = Array.from(reference.stepWithTaps(token));
    for (const simulator of simulators) {
      expect(simulator.stepWithTaps(token), `taps at token ${position}`).toEqual(taps);
      expect(simulator.logits, `logits at token ${position}`).toEqual(reference.logits);
      expect(simulator.receipt()).toBe(reference.receipt());
    }
  }
}

const BOTH = ['at once', 'as late as allowed'] as const;

describe('the simulator computes what the reference does', () => {
  it.each(Object.entries(EXTREME_MODELS))('on a model with %s', (title, recipe) => {
    expectSameRun(residentBytes(randomModel(1, recipe)), title.startsWith('longest rows') ? 2 : 6, 2, BOTH);
  });

  it('on random models of random sizes', () => {
    const size = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
    const shape = fc.record({
      hiddenSize: size(1, 24),
      intermediateSize: size(1, 24),
      layers: size(1, 4),
      vocabSize: size(2, 30),
    });
    fc.assert(
      fc.property(shape, fc.nat(0xffff_ffff), (sizes, seed) => {
        const recipe = { shape: sizes, em: (random: Prng): number => random.between(-30, -14) };
        expectSameRun(residentBytes(randomModel(seed, recipe)), 3, seed, BOTH);
      }),
    );
  });

  it('on the shipped model', () => {
    const image = ImageFile.open(TALES_IMAGE);
    expectSameRun(image.residentWeights(), 12, 3, ['as late as allowed']);
    image.close();
  });
});

describe('the simulator', () => {
  const weights = residentBytes(tinySections());
  const last = (program: string): string => outcomeOf(weights, assemble(program), [0], 'as late as allowed');
  const product = 'EMBED\nSCALE 0\nNORM H, none\nQUANT 0, 1, 0, H\n';

  it('starts from a state of zero after a reset', () => {
    const simulator = new Simulator(weights, MODEL_PROGRAM);
    const receipts = [0, 1, 2].map((token) => {
      simulator.step(token);
      return simulator.receipt();
    });
    simulator.step(0);
    expect(simulator.receipt()).not.toBe(receipts[0]);
    simulator.reset();
    simulator.step(0);
    expect(simulator.receipt()).toBe(receipts[0]);
  });

  it('takes ids of the vocabulary only', () => {
    const simulator = new Simulator(weights, MODEL_PROGRAM);
    for (const token of [-1, 7, 0.5, NaN]) expect(() => simulator.step(token)).toThrow(RangeError);
  });

  it('tells what each instruction changed', () => {
    const seen: string[] = [];
    const simulator = new Simulator(weights, MODEL_PROGRAM, {
      onInstruction: ({ address, layer, changes }) => {
        if (layer === 1 || address > 23) seen.push(`${address} ${changes.map(({ name }) => name).join(' ')}`.trimEnd());
      },
    });
    simulator.step(3);
    const norm = 'n e S s rho';
    const quant = ['zero0 q0 c0 shift0', 'zero1 q1 c1 shift1'] as const;
    const tokens = ['tap', 'v', norm, quant[0], 'i', quant[1], 'f', quant[0], 'g', 'h v', 'G v', norm, quant[1], 'x'];
    const layer = tokens.concat('v', norm, quant[0], 'u', 'v', norm, quant[1], 'x', '');
    const head = ['tap', '', 'v', norm, quant[0], 'logits', ''];
    expect(seen).toEqual(layer.concat(head).map((names, index) => `${index + 1} ${names}`.trimEnd()));
  });

  it.each([
    [
      'reads what nobody wrote',
      'SCALE 0',
      'program-fault: the program went wrong at word 0: x is read and does not hold 5',
    ],
    ['embeds twice', 'EMBED\nEMBED', 'at word 1: the row of the embedding was taken already'],
    ['ends before its stream', `${product}HALT`, 'at word 4: the token ends before the stream of matrices does'],
    ['has a word that is no instruction', 'WORD 0x9001', 'at word 0: the word is no instruction'],
    [
      'reads the target of a product',
      `${product}MATMUL x, 0, H\nSCALE 0`,
      'x is read while a product may still write it',
    ],
    ['writes the input of a product', `${product}MATMUL i, 0, H\nQUANT 0, 1, 0, H`, 'q0 is written while a product'],
    [
      'reads where u may lie',
      `${product}MATMUL u, 0, H\nQUANT 1, 1, 0, H`,
      'n is read while a product may still write it',
    ],
    ['follows another product', `${product}MATMUL i, 0, H\nGLU`, 'GLU follows a product that does not write u'],
    ['takes a scale that is none', 'EMBED\nSCALE 0\nNORM H, none\nQUANT 0, 1, 13, H', 'are no scale of a product'],
    ['takes a gain beyond the vectors', 'EMBED\nSCALE 15\nLAYER 1', 'there is no gain 15 of 5 numbers'],
    ['has no layer left', 'EMBED\nLAYER 0\nLAYER 0\nSCALE 0', 'the row of the embedding was taken already'],
  ])('stops a program that %s', (_, program, message) => {
    expect(last(program)).toContain(message);
  });

  it('halts at codes 12 … 15 and behind word 85, as a machine does', () => {
    for (const word of [0xc000, 0xd3ff, 0xefff, 0xffff]) {
      const program = MODEL_PROGRAM.with(30, word);
      expect(outcomeOf(weights, program, [0], 'at once')).toBe(outcomeOf(weights, MODEL_PROGRAM, [0], 'at once'));
    }
    const taps = Array.from({ length: 85 }, () => 0x9c00);
    expect(outcomeOf(weights, [0x1c00, ...taps], [0], 'at once')).toContain('at word 86: the token ends before');
  });
});
