import { expect, it } from 'vitest';
import { BYTE_OF_CHARACTER, byteLevelBytes } from '../../../model/text/byte-level.js';

it('has one character for each of the 256 bytes', () => {
  expect(BYTE_OF_CHARACTER.size).toBe(256);
  expect([...BYTE_OF_CHARACTER.values()].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 256 }, (_, b) => b));
});

// Origin: bytes_to_unicode in encoder.py of GPT-2, https://github.com/openai/gpt-2/blob/master/src/encoder.py
it.each([
  ['A', 0x41],
  ['~', 0x7e],
  ['ÿ', 0xff],
  ['Ā', 0x00],
  ['Ċ', 0x0a],
  ['Ġ', 0x20],
  ['ġ', 0x7f],
  ['Ń', 0xad],
])('spells %s as byte %i', (character, byte) => {
  expect(byteLevelBytes(character)).toEqual(Uint8Array.of(byte));
});

it('spells nothing with a character outside the alphabet', () => {
  expect(byteLevelBytes('A B')).toBeUndefined();
});
