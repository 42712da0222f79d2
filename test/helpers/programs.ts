/** Programs of the gateware for tests: random instructions, and changes to the program of the architecture. */
import fc from 'fast-check';
import {
  encodeInstruction,
  OPERANDS,
  OPERATIONS,
  valuesOf,
  WAITS,
  type Instruction,
} from '../../model/program/instruction-set.js';
import { MODEL_PROGRAM } from '../../model/program/model-program.js';
import { ProgramError } from '../../model/program/program-error.js';
import { Simulator, type ProductTiming } from '../../model/program/simulator.js';
import type { WeightBytes } from '../../model/integer/model-weights.js';

/** Any instruction. */
export const instructions: fc.Arbitrary<Instruction> = fc.constantFrom(...OPERATIONS).chain((operation) =>
  fc.record({
    operation: fc.constant(operation),
    wait: fc.constantFrom(...WAITS),
    operands: fc.tuple(...OPERANDS[operation].map((field) => fc.nat(valuesOf(field) - 1))),
  }),
);

/** Words of any kind. */
export const words: fc.Arbitrary<number[]> = fc.array(
  fc.oneof(instructions.map(encodeInstruction), fc.nat(0xffff), fc.constantFrom(...MODEL_PROGRAM)),
  { maxLength: 90 },
);

/**
 * The program of the architecture after a few changes: a word replaced, left out, put in, or exchanged with the next.
 */
export const changedPrograms: fc.Arbitrary<number[]> = fc
  .array(
    fc.record({
      kind: fc.constantFrom('replace', 'remove', 'insert', 'exchange'),
      at: fc.nat(MODEL_PROGRAM.length),
      word: fc.oneof(instructions.map(encodeInstruction), fc.constantFrom(...MODEL_PROGRAM)),
    }),
    { minLength: 1, maxLength: 2 },
  )
  .map((changes) => {
    const program = [...MODEL_PROGRAM];
    for (const { kind, at, word } of changes) {
      if (kind === 'insert') program.splice(at, 0, word);
      else if (kind === 'remove') program.splice(at, 1);
      else if (kind === 'replace') program.splice(at, 1, word);
      else program.splice(at, 2, ...program.slice(at, at + 2).toReversed());
    }
    return program;
  });

/** All that a program computes from some tokens, or how it went wrong. */
export function outcomeOf(
  weights: WeightBytes,
  program: readonly number[],
  tokens: readonly number[],
  timing: ProductTiming,
): string {
  const simulator = new Simulator(weights, program, { timing });
  try {
    return tokens.map((token) => [...simulator.stepWithTaps(token), simulator.receipt()].join(' ')).join('\n');
  } catch (error) {
    if (error instanceof ProgramError) return `${error.code}: ${error.message}`;
    throw error;
  }
}
