import { describe, expect, it } from 'vitest';
import { disassemble, disassembleWord } from '../../../model/program/disassembler.js';
import { MODEL_PROGRAM } from '../../../model/program/model-program.js';

describe('the disassembler', () => {
  it('shows labels, waits, addresses, words, and the names of gains in a layer and in the head', () => {
    const lines = disassemble(MODEL_PROGRAM);
    expect(lines).toHaveLength(31);
    expect([0, 1, 2, 8, 22, 23, 26, 28].map((address) => lines[address])).toEqual([
      '        EMBED                     ;  0  1c00',
      'at1:    TAP                wait 0 ;  1  9000',
      '        SCALE 0                   ;  2  2c00  attnNorm',
      '        QUANT 0, 3, 4, H   wait 1 ;  8  4468  gGain',
      '        MATMUL x, 1, I            ; 22  5ec1',
      '        LAYER at1                 ; 23  ac01',
      '        SCALE 0                   ; 26  2c00  finalNorm',
      '        QUANT 0, 1, 1, H          ; 28  4c22  headGain',
    ]);
  });

  it('shows words that are none as numbers', () => {
    expect(disassemble([0xf123, 0xac09])).toEqual([
      '        WORD 0xf123               ;  0  f123  no instruction',
      '        LAYER 9                   ;  1  ac09',
    ]);
    expect(disassembleWord(0x0007)).toBe('WORD 0x0007');
  });
});
