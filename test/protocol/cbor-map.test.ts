import { encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  asciiText,
  boolean,
  byteString,
  counter,
  decodeMap,
  encodeMap,
  map,
  mapText,
  names,
  nameText,
  oneOf,
  optional,
  unsigned,
  within,
} from '../../protocol/cbor-map.js';

const SCHEMA = {
  someNumber: unsigned(),
  total: counter(),
  sectorBytes: within(4096, 16_384, 4096),
  text: asciiText(),
  name: nameText(),
  state: oneOf('idle', 'running'),
  isOn: boolean(),
  hash: byteString(2),
  inner: optional(map({ one: unsigned(), two: optional(unsigned()) })),
};

const WIRE = {
  some_number: 7,
  total: 2 ** 53 - 1,
  sector_bytes: 8192,
  text: 'A ~',
  name: 'Zoë',
  state: 'running',
  is_on: true,
  hash: Uint8Array.of(1, 2),
  inner: { one: 1 },
};

const VALUE = {
  someNumber: 7,
  total: 2 ** 53 - 1,
  sectorBytes: 8192,
  text: 'A ~',
  name: 'Zoë',
  state: 'running' as const,
  isOn: true,
  hash: Uint8Array.of(1, 2),
  inner: { one: 1 },
};

describe('a map with a schema', () => {
  test('has names in snake_case on the line', () => {
    expect(decodeMap(SCHEMA, encode(WIRE))).toEqual({ value: VALUE });
    expect(encodeMap(SCHEMA, VALUE)).toEqual(encode(WIRE));
  });

  test('may lack what is optional', () => {
    const { inner: _, ...wire } = WIRE;
    const { inner: __, ...value } = VALUE;
    expect(decodeMap(SCHEMA, encode(wire))).toEqual({ value });
    expect(encodeMap(SCHEMA, value)).toEqual(encode(wire));
  });

  test('is described by the same words as long as it is the same', () => {
    expect(mapText(SCHEMA)).toBe(
      '{some_number:u32 total:u53 sector_bytes:4096..16384/4096 text:ascii[1..64] name:name[1..64] state:idle|running ' +
        'is_on:bool hash:bytes[2] inner?:{one:u32 two?:u32}}',
    );
  });

  test.each<[string, object]>([
    ['some_number is missing', { some_number: undefined }],
    ['some_number is not u32', { some_number: 2 ** 32 }],
    ['some_number is not u32', { some_number: -1 }],
    ['some_number is not u32', { some_number: '7' }],
    ['sector_bytes is not 4096..16384/4096', { sector_bytes: 0 }],
    ['sector_bytes is not 4096..16384/4096', { sector_bytes: 20_480 }],
    ['sector_bytes is not 4096..16384/4096', { sector_bytes: 4097 }],
    ['text is not ascii[1..64]', { text: '' }],
    ['text is not ascii[1..64]', { text: 'x'.repeat(65) }],
    ['text is not ascii[1..64]', { text: 'tab\t' }],
    ['text is not ascii[1..64]', { text: 'newline\n' }],
    ['text is not ascii[1..64]', { text: 'é' }],
    ['text is not ascii[1..64]', { text: 1 }],
    ['name is not name[1..64]', { name: '' }],
    ['name is not name[1..64]', { name: 'é'.repeat(33) }],
    ['name is not name[1..64]', { name: '\u001b[31m' }],
    ['name is not name[1..64]', { name: '\u202e' }],
    ['name is not name[1..64]', { name: 1 }],
    ['state is not idle|running', { state: 'off' }],
    ['is_on is not bool', { is_on: 1 }],
    ['hash is not bytes[2]', { hash: Uint8Array.of(1) }],
    ['hash is not bytes[2]', { hash: 'ab' }],
    ['inner is not a map', { inner: 1 }],
    ['inner.one is missing', { inner: {} }],
    ['inner.two is not u32', { inner: { one: 1, two: '' } }],
    ['inner has unknown keys', { inner: { one: 1, three: 3 } }],
    ['it has unknown keys', { more: 1 }],
    ['it has unknown keys', { someNumber: 7 }],
  ])('is refused because %s', (problem, change) => {
    const wire = Object.entries({ ...WIRE, ...change }).filter(([, value]) => value !== undefined);
    expect(decodeMap(SCHEMA, encode(new Map(wire)))).toEqual({ problem });
  });

  test('may have keys of a later version, on every level, where the reader says so', () => {
    const later = { ...WIRE, more: { a: [1] }, inner: { one: 1, three: 3 } };
    expect(decodeMap(SCHEMA, encode(later), 'ignored')).toEqual({ value: { ...VALUE, inner: { one: 1 } } });
    expect(decodeMap(SCHEMA, encode({ ...later, is_on: 1 }), 'ignored')).toEqual({ problem: 'is_on is not bool' });
  });

  test.each<[string, unknown]>([
    ['a name twice', ['a', 'a']],
    ['a descending order', ['b', 'a']],
    ['too many', ['a', 'b', 'c', 'd']],
    ['a name of another kind', ['A']],
    ['something else than a name', [1]],
    ['something else than a list', 'a'],
  ])('has names in order, not %s', (_, list) => {
    const schema = { list: names('name', /^[a-z]$/, 3) };
    expect(decodeMap(schema, encode({ list: ['a', 'b', 'c'] }))).toEqual({ value: { list: ['a', 'b', 'c'] } });
    expect(decodeMap(schema, encode({ list }))).toEqual({ problem: 'list is not name[0..3]' });
  });

  test.each([
    ['it is not a map', encode([])],
    ['it is not a map', encode(1)],
    ['the bytes end inside an item', new Uint8Array(0)],
    ['there is a float or a simple value other than false and true', encode({ a: 0.5 })],
  ])('is refused because %s', (problem, payload) => {
    expect(decodeMap(SCHEMA, payload)).toEqual({ problem });
  });

  test('is read or refused, whatever the bytes', () => {
    const damaged = fc.tuple(fc.nat(), fc.nat(255)).map(([at, value]) => {
      const payload = encode(WIRE);
      payload[at % payload.length] = value;
      return payload;
    });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array()), (payload) => {
        const result = decodeMap(SCHEMA, payload);
        if ('problem' in result) return;
        expect(encodeMap(SCHEMA, result.value)).toEqual(payload);
      }),
    );
  });

  test.each<[string, Partial<typeof VALUE>]>([
    ['a value in a message is not u32', { someNumber: 0.5 }],
    ['a value in a message is not u53', { total: 2 ** 53 }],
    ['a value in a message is not name[1..64]', { name: '\ud800' }],
    ['a value in a message is not bytes[2]', { hash: new Uint8Array(3) }],
    ['a value in a message is not u32', { inner: { one: -1 } }],
  ])('cannot be written because %s', (problem, change) => {
    expect(() => encodeMap(SCHEMA, { ...VALUE, ...change })).toThrow(new RangeError(problem));
  });
});
