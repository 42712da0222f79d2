/**
 * The check of programs: by example, and against the simulator, which runs at both extremes of time what the check
 * takes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { residentBytes } from '../../../model/integer/model-weights.js';
import { assemble } from '../../../model/program/assembler.js';
import { disassemble } from '../../../model/program/disassembler.js';
import { decodeInstruction } from '../../../model/program/instruction-set.js';
import { MODEL_PROGRAM } from '../../../model/program/model-program.js';
import { checkProgram, programProblem } from '../../../model/program/program-check.js';
import { ProgramError } from '../../../model/program/program-error.js';
import { changedPrograms, outcomeOf, words } from '../../helpers/programs.js';
import { randomModel } from '../../oracle/random-model.js';

/** Small numbers all over and large ones in g, so that each ε shows in the receipts. H and I differ from 2I and V. */
const MODEL = residentBytes(
  randomModel(4, {
    shape: { hiddenSize: 13, intermediateSize: 17, vocabSize: 19, layers: 2 },
    em: (random, product) =>
      ({ i: -25, f: -25, g: 24, o: -27, gateUp: -32, down: -31, head: -23 })[product] + random.between(-1, 0),
    gEpsShift: () => 0,
    embeddingShift: 12,
  }),
);
const TOKENS = [3, 0, 18];
const TIMINGS = ['at once', 'as late as allowed'] as const;
const outcomes = (program: readonly number[]): string[] =>
  TIMINGS.map((timing) => outcomeOf(MODEL, program, TOKENS, timing));
const [RIGHT = ''] = outcomes(MODEL_PROGRAM);
const isTaken = (program: readonly number[]): boolean => programProblem(program, MODEL.shape) === undefined;

/** Lines of the program of the architecture, without comments, to change. */
const LINES = disassemble(MODEL_PROGRAM).map((line) => line.replace(/ *;.*/, ''));
function changed(line: number, ...replacement: string[]): number[] {
  return assemble(LINES.toSpliced(line, 1, ...replacement).join('\n'));
}

describe('the check of programs', () => {
  it.each([1, 2, 8, 256])('takes the program of the architecture for %i layers', (layers) => {
    expect(() => checkProgram(MODEL_PROGRAM, { layers })).not.toThrow();
  });

  it('says in an error at which word, why, and what to do', () => {
    const check = (): void => checkProgram(changed(6, '  QUANT 0, 2, 2, H'), MODEL.shape);
    expect(check).toThrow(ProgramError);
    expect(check).toThrow('word 6 of the program: q0 is written while a product may still use it');
  });

  it.each<[string, number[], number, string]>([
    ['nothing', [], 0, 'no HALT'],
    // Its first word used to be blamed.
    ['no HALT', changed(30), 29, 'it is the last one and no HALT'],
    ['a HALT before the end', changed(3, 'HALT'), 3, 'HALT must be the last word'],
    ['a HALT of zeros', changed(30, 'HALT wait 0'), 30, 'HALT must not wait for 0'],
    ['a word that is no instruction', changed(3, 'WORD 0xffff'), 3, 'no instruction'],
    ['no EMBED', changed(0, 'NORM H, none'), 0, 'v does not hold H numbers'],
    ['an EMBED in the loop', changed(2, 'EMBED', 'SCALE 0'), 2, 'a token is embedded once'],
    ['a LAYER that goes on', changed(23, 'LAYER 24'), 23, 'LAYER must go back'],
    ['a LAYER in the head', changed(25, 'HEAD', 'LAYER at1'), 26, 'no layer that it could end'],
    ['an early HEAD', changed(2, 'HEAD'), 2, 'before the last layer is through'],
    ['no HEAD', changed(25), 25, 'HEAD was not there'],
    ['a GATE in the head', changed(26, 'GATE', 'SCALE 0'), 26, 'belongs into a layer'],
    ['a missing tap', changed(24, 'MIX'), 24, 'belongs into a layer'],
    ['a tap too many', changed(1, 'at1: TAP wait 0', 'TAP'), 31, 'a token has 3 taps, not 5'],
    ['a product too few', changed(29, 'TAP'), 30, 'matrices of the stream are left'],
    ['a product too many', changed(29, LINES[29]!, LINES[29]!), 30, 'no more matrices'],
    [
      'a product of other rows',
      changed(5, 'MATMUL u, 0, H'),
      5,
      'the next matrix of the stream is one for i, f, g, x with H',
    ],
    ['a product of other columns', changed(22, 'MATMUL x, 1, H'), 22, 'for x with I columns'],
    ['a product of what was not quantised', changed(7, 'MATMUL f, 0, H', 'MATMUL g, 1, I'), 8, 'for i, f, g, x with H'],
    ['a length that the vector has not', changed(21, 'QUANT 1, 9, 10, H'), 21, 'there is no gain 9 of H numbers'],
    ['a gain beyond the block', changed(2, 'SCALE 10'), 2, 'there is no gain 10 of H numbers'],
    ['a gain of I numbers in the head', changed(28, 'QUANT 0, 9, 1, I'), 28, 'there is no gain 9 of I numbers'],
    ['a constant that is no scale', changed(4, 'QUANT 0, 1, 12, H'), 4, 'at constant 12 is no scale'],
    ['the second half of a scale', changed(4, 'QUANT 0, 1, 1, H'), 4, 'at constant 1 is no scale'],
    ['ε of g before g', changed(3, 'NORM H, g'), 3, 'the sum of g² of this layer is not there'],
    ['ε of g in the head', changed(27, 'NORM H, g'), 27, 'the sum of g² of this layer is not there'],
    ['a GLU beside another product', changed(19, 'QUANT 1, 8, 8, H', 'GLU'), 19, 'n does not hold H numbers'],
    ['a TAP that does not wait', changed(1, 'at1: TAP wait 1'), 1, 'x is read while a product may still write it'],
    ['a QUANT that does not wait', changed(8, 'QUANT 0, 3, 4, H'), 8, 'q0 is written while'],
    ['a GATE that does not wait', changed(10, 'GATE'), 10, 'f is read while'],
    ['a MIX that waits too little', changed(11, 'MIX wait 1'), 11, 'g is read while'],
    ['a SCALE that waits too little', changed(15, 'SCALE 7 wait 1'), 15, 'x is read while'],
    ['a NORM over a product', changed(20, 'NORM I, i wait 1'), 20, 'n is written while'],
    ['a last TAP that does not wait', changed(24, 'TAP'), 24, 'x is read while'],
  ])('refuses %s', (_, program, address, problem) => {
    const found = programProblem(program, MODEL.shape);
    expect(found).toEqual({ address, problem: expect.stringContaining(problem) });
  });

  it('knows that a third product begins only when the first is finished', () => {
    const four = ['i', 'f', 'g', 'x'].map((target) => `MATMUL ${target}, 0, H`);
    // What follows the fourth may read i and f; that the result is another model is its own affair.
    const program = assemble([...LINES.slice(0, 5), ...four, 'GATE', ...LINES.slice(15)].join('\n'));
    expect(programProblem(program, MODEL.shape)).toBeUndefined();
    const [early, late] = outcomes(program);
    expect(late).toBe(early);
    expect(early).not.toContain('program-fault');
    const three = assemble([...LINES.slice(0, 5), ...four.slice(0, 3), 'GATE', ...LINES.slice(15)].join('\n'));
    expect(programProblem(three, MODEL.shape)).toEqual({
      address: 8,
      problem: 'f is read while a product may still write it',
    });
  });

  it('refuses each program with another bit, or it computes something else, or it only waits for more', () => {
    const survivors: string[] = [];
    for (let bit = 0; bit < 16 * MODEL_PROGRAM.length; bit++) {
      const [address, word] = [bit >> 4, MODEL_PROGRAM[bit >> 4]! ^ (1 << (bit & 15))];
      const program = MODEL_PROGRAM.with(address, word);
      if (!isTaken(program)) continue;
      const [early, late] = outcomes(program);
      expect(late, `word ${address}`).toBe(early);
      if (early !== RIGHT) continue;
      const [before, after] = [decodeInstruction(MODEL_PROGRAM[address]!), decodeInstruction(word)];
      const onlyWaits = before?.operation === after?.operation && `${before?.operands}` === `${after?.operands}`;
      if (!onlyWaits || after!.wait > before!.wait) survivors.push(`${address}: ${word.toString(16)}`);
    }
    expect(survivors).toEqual([]);
  });

  it('takes no program that goes wrong, or whose results depend on when products end', () => {
    fc.assert(
      fc.property(changedPrograms, (program) => {
        if (!isTaken(program)) return;
        const [early, late] = outcomes(program);
        expect(late).toBe(early);
        expect(early).not.toMatch(/program-fault/);
      }),
    );
  });

  it('and the simulator end with an answer whatever the words are', () => {
    fc.assert(
      fc.property(words, (program) => {
        const problem = programProblem(program, MODEL.shape);
        expect(problem === undefined || (problem.address >= 0 && problem.address <= program.length)).toBe(true);
        outcomes(program);
      }),
    );
  });
});
