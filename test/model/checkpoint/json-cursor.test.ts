import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { JsonCursor } from '../../../model/checkpoint/json-cursor.js';

class Refusal extends Error {}

function cursorOf(json: string | Uint8Array): JsonCursor {
  const bytes = typeof json === 'string' ? new TextEncoder().encode(json) : json;
  return new JsonCursor(bytes, (position, problem) => new Refusal(`${position}: ${problem}`));
}

function readAll<T>(json: string | Uint8Array, read: (cursor: JsonCursor) => T): T {
  const cursor = cursorOf(json);
  const value = read(cursor);
  cursor.end();
  return value;
}

/** What `run` returns, or that it refuses; only a syntax error may be the reason. */
function outcome(run: () => unknown): unknown {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof Refusal || error instanceof SyntaxError) return 'refused';
    throw error;
  }
}

describe('strings', () => {
  test('any string written by JSON.stringify is read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(readAll(JSON.stringify(text), (cursor) => cursor.string())).toBe(text);
      }),
    );
  });

  test('a byte order mark is part of a string', () => {
    expect(readAll('"\ufeffa"', (cursor) => cursor.string())).toBe('\ufeffa');
  });

  test('accepts exactly what JSON.parse accepts, whatever stands between the quotes', () => {
    const piece = fc.constantFrom('a', '"', '\\', '\\"', '\\u', '00e9', 'dead', '\n', '\u007f', 'é', '😀', '\\n', '/');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const json = `"${pieces.join('')}"`;
        expect(outcome(() => readAll(json, (cursor) => cursor.string()))).toEqual(outcome(() => JSON.parse(json)));
      }),
    );
  });

  test.each([
    ['a cut-off multi-byte character', [0x22, 0xc3, 0x22], '1: the string is not UTF-8'],
    ['an overlong encoding', [0x22, 0xc0, 0x80, 0x22], '1: the string is not UTF-8'],
    ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22], '1: the string is not UTF-8'],
    ['no closing quote', [0x22, 0x61], '1: the string has no end'],
    ['a backslash at the end', [0x22, 0x5c], '1: the string has no end'],
    ['a line feed', [0x22, 0x0a, 0x22], '1: a string holds a control character'],
  ])('refuses %s', (_title, bytes, message) => {
    expect(() => cursorOf(Uint8Array.from(bytes)).string()).toThrow(message);
  });
});

describe('numbers', () => {
  test('reads natural numbers up to 2⁵³ − 1', () => {
    const json = ` [ 0,10 ,\n${Number.MAX_SAFE_INTEGER}\t] `;
    expect(readAll(json, (cursor) => cursor.naturalNumbers(3))).toEqual([0, 10, Number.MAX_SAFE_INTEGER]);
  });

  test.each([
    ['[-1]', '1: a natural number is expected'],
    ['[1.5]', '2: ] is expected'],
    ['[1e3]', '2: ] is expected'],
    ['[01]', '1: the number starts with a zero'],
    ['["1"]', '1: a natural number is expected'],
    ['[9007199254740992]', '1: the number is too large'],
    ['[1,]', '3: a natural number is expected'],
    ['[1,2,3,4]', '7: there are more than 3 numbers'],
    ['[1', '2: ] is expected'],
    ['{}', '0: [ is expected'],
  ])('refuses %s', (json, message) => {
    expect(() => readAll(json, (cursor) => cursor.naturalNumbers(3))).toThrow(message);
  });
});

describe('objects', () => {
  test('hands out keys in the order of the file', () => {
    const keys: string[] = [];
    readAll('{"b":"","a":"","__proto__":""}', (cursor) =>
      cursor.object(3, (key) => {
        keys.push(key);
        cursor.string();
      }),
    );
    expect(keys).toEqual(['b', 'a', '__proto__']);
  });

  test.each([
    ['{"a":"","a":""}', '8: this key occurs twice'],
    [String.raw`{"a":"","\u0061":""}`, '8: this key occurs twice'],
    ['{"a":"","b":"","c":""}', '15: there are more than 2 keys'],
    ['{"a":"",}', '8: " is expected'],
    ['{"a" ""}', '5: : is expected'],
    ['{a:""}', '1: " is expected'],
    ['{"a":""', '7: } is expected'],
    ['{} x', '3: the header goes on after its end'],
    ['', '0: { is expected'],
  ])('refuses %s', (json, message) => {
    expect(() => readAll(json, (cursor) => cursor.object(2, () => cursor.string()))).toThrow(message);
  });
});
