import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeInstruction,
  encodeInstruction,
  OPERANDS,
  OPERATIONS,
  valuesOf,
  type Instruction,
} from '../../../model/program/instruction-set.js';
import { instructions } from '../../helpers/programs.js';

describe('an instruction', () => {
  // Encoded by hand from docs/GATEWARE.md, section 4.
  it.each<[Instruction, string]>([
    [{ operation: 'HALT', wait: 0, operands: [] }, '0000_00_0000000000'],
    [{ operation: 'EMBED', wait: 3, operands: [] }, '0001_11_0000000000'],
    [{ operation: 'SCALE', wait: 0, operands: [7] }, '0010_00_0_0111_00000'],
    [{ operation: 'NORM', wait: 1, operands: [1, 2] }, '0011_01_10_0000000_1'],
    [{ operation: 'QUANT', wait: 3, operands: [1, 9, 10, 1] }, '0100_11_1_1001_1010_1'],
    [{ operation: 'MATMUL', wait: 3, operands: [5, 1, 1] }, '0101_11_1_101_00000_1'],
    [{ operation: 'GATE', wait: 1, operands: [] }, '0110_01_0000000000'],
    [{ operation: 'MIX', wait: 0, operands: [] }, '0111_00_0000000000'],
    [{ operation: 'GLU', wait: 3, operands: [] }, '1000_11_0000000000'],
    [{ operation: 'TAP', wait: 0, operands: [] }, '1001_00_0000000000'],
    [{ operation: 'LAYER', wait: 3, operands: [85] }, '1010_11_00_01010101'],
    [{ operation: 'HEAD', wait: 3, operands: [] }, '1011_11_0000000000'],
  ])('%j has the bits %s', (instruction, bits) => {
    const word = Number.parseInt(bits.replaceAll('_', ''), 2);
    expect(encodeInstruction(instruction)).toBe(word);
    expect(decodeInstruction(word)).toEqual(instruction);
  });

  it('is read back as it was encoded', () => {
    fc.assert(
      fc.property(instructions, (instruction) => {
        expect(decodeInstruction(encodeInstruction(instruction))).toEqual(instruction);
      }),
    );
  });

  it('is encoded by one word only: of all 65,536 just those that encode one are decoded', () => {
    let decoded = 0;
    for (let word = 0; word < 2 ** 16; word++) {
      const instruction = decodeInstruction(word);
      if (instruction === undefined) continue;
      decoded++;
      expect(encodeInstruction(instruction)).toBe(word);
    }
    const count = OPERATIONS.map((operation) => OPERANDS[operation].reduce((all, field) => all * valuesOf(field), 3));
    expect(decoded).toBe(count.reduce((sum, each) => sum + each));
  });

  it.each<[string, string]>([
    ['an operation that there is not', '1100_11_0000000000'],
    ['the wait 2', '1001_10_0000000000'],
    ['the ε 3', '0011_11_11_0000000_0'],
    ['the target 6', '0101_11_0_110_00000_0'],
    ['a bit that no operand has', '1001_11_0000000001'],
  ])('with %s is none', (_, bits) => {
    expect(decodeInstruction(Number.parseInt(bits.replaceAll('_', ''), 2))).toBeUndefined();
  });

  it.each<[string, Instruction]>([
    ['an operand too few', { operation: 'SCALE', wait: 3, operands: [] }],
    ['an operand too many', { operation: 'TAP', wait: 3, operands: [0] }],
    ['a value that is too large', { operation: 'MATMUL', wait: 3, operands: [6, 0, 0] }],
    ['a negative value', { operation: 'SCALE', wait: 3, operands: [-1] }],
    ['half a value', { operation: 'SCALE', wait: 3, operands: [0.5] }],
  ])('with %s cannot be encoded', (_, instruction) => {
    expect(() => encodeInstruction(instruction)).toThrow(RangeError);
  });
});
