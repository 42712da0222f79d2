/** Files of keys. */
import { createHash } from 'node:crypto';
import { expect, it, test } from 'vitest';
import { keyOf, newKey, parseKeys } from '../../../serve/access/keys.js';

it('a new key is found by its line, and no other', () => {
  const [one, other] = [newKey('one', false), newKey('other', true)];
  const keys = parseKeys(`# two\n\n${one.line}\n  ${other.line}  \r\n`);
  expect(keyOf(keys, `Bearer ${one.key}`)).toEqual({ name: 'one', isAdmin: false });
  expect(keyOf(keys, `bearer ${other.key}`)).toEqual({ name: 'other', isAdmin: true });
  for (const text of [
    undefined,
    '',
    one.key,
    `Basic ${one.key}`,
    `Bearer ${one.key}x`,
    'Bearer ',
    `Bearer ${one.line.split(' ')[1]}`,
  ]) {
    expect(keyOf(keys, text)).toBeUndefined();
  }
});

it('a line has the hash of the key, and not the key', () => {
  const { key, line } = newKey('one', false);
  expect(line).toBe(`one ${createHash('sha256').update(key).digest('hex')}`);
});

test.each(['name', 'name abc', `two names ${'0'.repeat(64)}`, `name ${'0'.repeat(64)} root`, `name ${'G'.repeat(64)}`])(
  'the line %j is refused by its number, and not shown',
  (line) => {
    expect(() => parseKeys(`\n${line}`)).toThrow('line 2 is not NAME SHA-256');
  },
);
