import { byteLevelPreTokenizer } from 'tokenizers';
import { expect, it } from 'vitest';
import { LETTERS, NUMBERS, WHITE_SPACE } from '../../../model/text/unicode-classes.js';
import { count } from '../../helpers/counts.js';

const CLASSES = {
  letter: new RegExp(`[${LETTERS}]`, 'u'),
  number: new RegExp(`[${NUMBERS}]`, 'u'),
  space: new RegExp(`[${WHITE_SPACE}]`, 'u'),
};

// Origin: the Rust library, which cuts "a" from all but letters, "1" from all but numbers, "!" from those and spaces.
it('has the classes of the published library', () => {
  const words = byteLevelPreTokenizer(false, true);
  const joins = (first: string, character: string): boolean => words.preTokenizeString(first + character).length === 1;
  const theirs = (character: string): string => {
    if (joins('a', character)) return 'letter';
    if (joins('1', character)) return 'number';
    return joins('!', character) ? 'other' : 'space';
  };
  const differ: string[] = [];
  let before = '';
  for (let code = 0; code < 0x110000; code++) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const ours = classOf(String.fromCodePoint(code));
    // In CI both sides of each border, and some between.
    const isBorder = ours !== before || ours !== classOf(String.fromCodePoint(Math.min(code + 1, 0x10ffff)));
    if ((isBorder || code % count(499, 1) === 0) && theirs(String.fromCodePoint(code)) !== ours) {
      differ.push(code.toString(16));
    }
    before = ours;
  }
  expect(differ).toEqual([]);
});

function classOf(character: string): string {
  return Object.entries(CLASSES).find(([, characters]) => characters.test(character))?.[0] ?? 'other';
}
