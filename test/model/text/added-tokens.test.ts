import { expect, it } from 'vitest';
import { AddedTokenFinder, type AddedToken } from '../../../model/text/added-tokens.js';

const PLAIN = { special: false, lstrip: false, rstrip: false, normalized: false };
const TOKENS: readonly AddedToken[] = [
  { ...PLAIN, id: 0, content: '<a>' },
  { ...PLAIN, id: 1, content: '<a>b' },
  { ...PLAIN, id: 2, content: '[l]', lstrip: true },
  { ...PLAIN, id: 3, content: '[r]', rstrip: true },
];

it.each<[string, string, (string | number)[]]>([
  ['nothing', '', []],
  ['text without tokens', 'a b', ['a b']],
  ['the longest token at a place', '<a>b<a>c', [1, 0, 'c']],
  ['a token without its end', '<a', ['<a']],
  ['white space before a token that takes it', 'x  [l] y', ['x', 2, ' y']],
  ['white space behind a token that takes it', 'x [r] \u3000y', ['x ', 3, 'y']],
  ['white space that both sides take, once', '[r] [l]', [3, 2]],
  ['no white space: U+FEFF', '\ufeff[l]', ['\ufeff', 2]],
])('finds %s', (_title, text, expected) => {
  const parts = new AddedTokenFinder(TOKENS, (content) => content).split(text);
  expect(parts.map((part) => part.id ?? part.text)).toEqual(expected);
  expect(parts.map((part) => text.slice(part.start, part.start + part.text.length)).join('')).toBe(text);
});

it('takes the first of two tokens that are spelt alike', () => {
  const finder = new AddedTokenFinder(TOKENS, () => 'x');
  expect(finder.split('x').map(({ id }) => id)).toEqual([0]);
});
