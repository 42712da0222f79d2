/**
 * The instructions of the gateware: one table, from which encoder, decoder, assembler, disassembler and checks follow.
 *
 * docs/GATEWARE.md, section 4. A word has 16 bits: operation in 15 … 12, wait in 11 … 10, operands in 9 … 0, and zero
 * in every bit that no operand has.
 */

/** Names of operations; the index is the code. Codes 12 … 15 are none: a machine halts there. */
export const OPERATIONS = [
  'HALT',
  'EMBED',
  'SCALE',
  'NORM',
  'QUANT',
  'MATMUL',
  'GATE',
  'MIX',
  'GLU',
  'TAP',
  'LAYER',
  'HEAD',
] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Begin when at most so many products are not finished; 3 waits for none. */
export const WAITS = [0, 1, 3] as const;
export type Wait = (typeof WAITS)[number];

/** Where a MATMUL writes; the index is the code. */
export const TARGETS = ['i', 'f', 'g', 'x', 'u', 'logits'] as const;
/** Lengths of vectors; the index is the code. */
export const LENGTHS = ['H', 'I'] as const;
/** What NORM adds to its sum of squares; the index is the code. */
export const EPSILONS = ['none', 'g', 'i'] as const;

/** One operand. */
export interface OperandField {
  readonly name: 'gain' | 'epsilon' | 'length' | 'q' | 'constant' | 'target' | 'address';
  /** Its lowest bit, and how many it has. */
  readonly low: number;
  readonly bits: number;
  /** Names of its values, from 0; a number where there are none. */
  readonly names?: readonly string[];
}

const LENGTH: OperandField = { name: 'length', low: 0, bits: 1, names: LENGTHS };
const GAIN: OperandField = { name: 'gain', low: 5, bits: 4 };
const Q: OperandField = { name: 'q', low: 9, bits: 1 };

/** Operands of each operation, in the order in which they are written. */
export const OPERANDS: Readonly<Record<Operation, readonly OperandField[]>> = {
  HALT: [],
  EMBED: [],
  SCALE: [GAIN],
  NORM: [LENGTH, { name: 'epsilon', low: 8, bits: 2, names: EPSILONS }],
  QUANT: [Q, GAIN, { name: 'constant', low: 1, bits: 4 }, LENGTH],
  MATMUL: [{ name: 'target', low: 6, bits: 3, names: TARGETS }, Q, LENGTH],
  GATE: [],
  MIX: [],
  GLU: [],
  TAP: [],
  LAYER: [{ name: 'address', low: 0, bits: 8 }],
  HEAD: [],
};

/** One instruction. */
export interface Instruction {
  readonly operation: Operation;
  readonly wait: Wait;
  /** In the order of {@link OPERANDS}. */
  readonly operands: readonly number[];
}

/** How many values an operand has. */
export function valuesOf({ bits, names }: OperandField): number {
  return names?.length ?? 2 ** bits;
}

/** @throws RangeError if an operand is missing, too many, or has no such value */
export function encodeInstruction({ operation, wait, operands }: Instruction): number {
  const fields = OPERANDS[operation];
  if (operands.length !== fields.length) {
    throw new RangeError(`${operation} has ${fields.length} operands, not ${operands.length}`);
  }
  let word = (OPERATIONS.indexOf(operation) << 12) | (wait << 10);
  fields.forEach((field, index) => {
    const value = operands[index];
    if (!Number.isInteger(value) || value < 0 || value >= valuesOf(field)) {
      throw new RangeError(`${operation} has no ${field.name} ${value}`);
    }
    word |= value << field.low;
  });
  return word;
}

/** The instruction in a word of 16 bits; undefined if it is none, or has bits set that are none of its own. */
export function decodeInstruction(word: number): Instruction | undefined {
  const operation = OPERATIONS.at(word >> 12);
  const wait = WAITS.find((value) => value === ((word >> 10) & 3));
  if (word >> 12 >= OPERATIONS.length || operation === undefined || wait === undefined) return undefined;
  const fields = OPERANDS[operation];
  const operands = fields.map(({ low, bits }) => (word >> low) & (2 ** bits - 1));
  if (fields.some((field, index) => operands[index] >= valuesOf(field))) return undefined;
  const instruction = { operation, wait, operands };
  return encodeInstruction(instruction) === word ? instruction : undefined;
}
