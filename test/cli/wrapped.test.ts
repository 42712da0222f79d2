import fc from 'fast-check';
import { expect, it } from 'vitest';
import { wrapped } from '../../cli/wrapped.js';

it.each<[string, string, number, number, string]>([
  ['as it is where it fits', 'a bc def', 8, 0, 'a bc def'],
  ['between words', 'a bc def', 7, 0, 'a bc\ndef'],
  ['beside its label', 'name   a bc def', 12, 7, 'name   a bc\n       def'],
  ['line by line', 'a bc\nde fg', 3, 0, 'a\nbc\nde\nfg'],
  ['not inside of a command', 'x: `mmfree run`, or y', 10, 3, 'x: `mmfree run`,\n   or y'],
  ['not inside of a word', 'a 0123456789 b', 6, 0, 'a\n0123456789\nb'],
  ['though there are no words', '0123456789', 6, 2, '0123456789'],
])('breaks text %s', (_, text, columns, indent, expected) => {
  expect(wrapped(text, columns, indent)).toBe(expected);
});

it('loses nothing but blanks, and ends', () => {
  const text = fc
    .array(fc.constantFrom('a', 'word', '`a b`', '`', ' ', '\n', '  ', '7'.repeat(20)))
    .map((all) => all.join(''));
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 40 }), (given, columns, indent) => {
      expect(wrapped(given, columns, indent).replaceAll(/\s/g, '')).toBe(given.replaceAll(/\s/g, ''));
    }),
  );
});
