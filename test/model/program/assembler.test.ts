import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../../model/program/assembler.js';
import { disassemble } from '../../../model/program/disassembler.js';
import { MODEL_PROGRAM } from '../../../model/program/model-program.js';
import { ProgramError } from '../../../model/program/program-error.js';

/** The line of what is wrong with a text, what it is, and what to do. */
function problemOf(text: string): readonly [number | undefined, string, string] {
  try {
    assemble(text);
  } catch (error) {
    if (error instanceof ProgramError && error.code === 'program-syntax') {
      return [Number(error.facts['line']), error.message, error.fix];
    }
    throw error;
  }
  return [undefined, '', ''];
}

describe('the assembler', () => {
  it('takes labels before and after their use, comments, empty lines and any spaces', () => {
    const text = 'a: b:\tTAP   wait  0;x\r\n\n ; nothing\nLAYER c\n  LAYER   b\nc:HALT ; end: of all';
    expect(assemble(text)).toEqual([0x9000, 0xac03, 0xac00, 0x0c00]);
  });

  it('takes names and numbers of operands', () => {
    expect(assemble('MATMUL logits, 1, I\nMATMUL logits,1,I\nLAYER 0x05\nWORD 0xfffe\nWORD 9')).toEqual([
      0x5f41, 0x5f41, 0xac05, 0xfffe, 9,
    ]);
  });

  it('makes of the text in docs/GATEWARE.md the program of the architecture', () => {
    const document = readFileSync(new URL('../../../docs/GATEWARE.md', import.meta.url), 'utf8');
    const [, text = ''] = /^```\n( +EMBED\n[^]*?)^```$/m.exec(document) ?? [];
    expect(assemble(text)).toEqual(MODEL_PROGRAM);
  });

  it('makes the same words again of what the disassembler makes of them', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff), { maxLength: 86 }), (words) => {
        expect(assemble(disassemble(words).join('\n'))).toEqual(words);
      }),
    );
  });

  it.each([
    ['a name that is none', 'TAP\nTAPE', 2, '"TAPE" is no instruction'],
    ['lower case', 'halt', 1, '"halt" is no instruction'],
    ['something else', 'TAP\n\n??', 3, '"??" is no instruction'],
    ['an operand too few', 'QUANT 0, 1, 0', 1, 'QUANT has 4 operands, here are 3'],
    ['an operand too many', 'HEAD 1', 1, 'HEAD has 0 operands, here are 1'],
    ['a name of another operand', 'MATMUL v, 0, H', 1, '"v" is no target'],
    ['a number where there are names', 'NORM 0, none', 1, '"0" is no length'],
    ['an empty operand', 'MATMUL i,, H', 1, '"" is no q'],
    ['a number beyond its field', 'SCALE 16', 1, '"16" is no gain'],
    ['a number that is none', 'SCALE 1e0', 1, '"1e0" is no gain'],
    ['a label that is nowhere', 'LAYER nowhere', 1, '"nowhere" is no address'],
    ['a label twice', 'a: TAP\na: TAP', 2, 'the label a is there already'],
    ['a wait that there is not', 'TAP wait 2', 1, 'no instruction can wait "2"'],
    ['a word of 17 bits', 'WORD 0x10000', 1, 'WORD has one operand'],
    ['a word that waits', 'WORD 1 wait 0', 1, '"WORD" is no instruction'],
    ['an instruction too many', 'TAP\n'.repeat(87), 87, 'it is instruction 87'],
    ['a text without an end', ' '.repeat(70_000), 1, 'the text is longer than 65536 characters'],
  ])('refuses %s, with its line', (_, text, line, message) => {
    const [at, problem, fix] = problemOf(text);
    expect(at).toBe(line);
    expect(fix).toMatch(/^[A-Z].*\.$/);
    expect(problem).toContain(message);
  });

  it('shortens what it repeats of a text', () => {
    const [, problem] = problemOf('X'.repeat(1000));
    expect(problem.length).toBeLessThan(80);
  });

  it('never fails in another way', () => {
    const part = fc.constantFrom(
      'TAP',
      'LAYER',
      'a',
      ':',
      'wait',
      '0',
      '1',
      ',',
      ';',
      '\n',
      ' ',
      'QUANT 0, 1, 0, H',
      'é',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part).map((parts) => parts.join('')),
        ),
        (text) => {
          problemOf(text);
        },
      ),
    );
  });
});
