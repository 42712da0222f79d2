import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { CheckpointError } from '../../../model/checkpoint/checkpoint-error.js';
import { DTYPE_BYTES, isDtype } from '../../../model/checkpoint/dtype.js';
import type { Dtype } from '../../../model/checkpoint/dtype.js';
import {
  MAX_HEADER_BYTES,
  parseSafetensorsHeader,
  readHeaderLength,
} from '../../../model/checkpoint/safetensors-header.js';
import type { TensorInfo } from '../../../model/checkpoint/safetensors-header.js';
import { count } from '../../helpers/counts.js';
import { attempt, refusalOf } from '../../helpers/refusal.js';

const FILE = 'folder/model.safetensors';
/** Of headers that are made to be slow: the time grows with the size alone. */
const HOSTILE_BYTES = 4 << 20;

function parse(header: string | Uint8Array, dataBytes: number): Map<string, TensorInfo> {
  return parseSafetensorsHeader(typeof header === 'string' ? encode(header) : header, dataBytes, FILE);
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Fields of one entry, for headers that are wrong in one place. */
function entry(dtype: string, shape: string, offsets: string): string {
  return `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
}

describe('parseSafetensorsHeader', () => {
  test('reads the example of the format description', () => {
    // README.md of github.com/huggingface/safetensors, with sizes made consistent.
    const header = `{"__metadata__":{"format":"pt"},"TENSOR_NAME":${entry('F16', '[1,16,256]', '[0,8192]')},"NEXT":${entry('F32', '[]', '[8192,8196]')}}`;
    expect([...parse(header, 8196)]).toEqual([
      [
        'TENSOR_NAME',
        { dtype: 'F16', shape: [1, 16, 256], elements: 4096, byteLength: 8192, fileOffset: 8 + header.length },
      ],
      ['NEXT', { dtype: 'F32', shape: [], elements: 1, byteLength: 4, fileOffset: 8 + header.length + 8192 }],
    ]);
  });

  test('orders tensors by offset, empty ones in front of the one at the same offset', () => {
    const header = `{"b":${entry('U8', '[2]', '[1,3]')},"e":${entry('F32', '[0,7]', '[1,1]')},"a":${entry('I8', '[1]', '[0,1]')}}`;
    expect([...parse(header, 3).keys()]).toEqual(['a', 'e', 'b']);
  });

  test.each([
    ['no tensors', '{}', 0],
    [
      'space between everything and padding at the end',
      ' { "a" : { "shape" : [ 1 ] , "dtype" : "U8" , "data_offsets" : [ 0 , 1 ] } }   '.slice(1),
      1,
    ],
    ['a key of the metadata twice, which nobody reads', `{"__metadata__":{"a":"","a":""}}`, 0],
    ['names in any script', `{"ν→😀":${entry('U8', '[1]', '[0,1]')}}`, 1],
    ['a name that objects have anyway', `{"__proto__":${entry('U8', '[1]', '[0,1]')}}`, 1],
  ])('accepts %s', (_title, header, dataBytes) => {
    expect(judge(encode(header), dataBytes)).toBe('right');
  });

  const one = entry('F32', '[1]', '[0,4]');
  test.each([
    ['an empty header', '', 0, 'does not start with {'],
    ['space in front', ` {"a":${one}}`, 4, 'does not start with {'],
    ['a byte order mark', `\ufeff{"a":${one}}`, 4, 'does not start with {'],
    ['a list', '[]', 0, 'does not start with {'],
    ['text after the object', `{"a":${one}}x`, 4, 'goes on after its end'],
    ['a name twice', `{"a":${one},"a":${one}}`, 4, 'occurs twice'],
    ['a name twice, once escaped', String.raw`{"a":${one},"\u0061":${one}}`, 4, 'occurs twice'],
    ['a key of an entry twice', `{"a":{"dtype":"F32","dtype":"F32"}}`, 4, 'occurs twice'],
    ['metadata twice', `{"__metadata__":{},"__metadata__":{}}`, 0, 'occurs twice'],
    ['an escape in the metadata that is none', String.raw`{"__metadata__":{"a":"\q"}}`, 0, 'invalid escape'],
    ['half an escape', String.raw`{"__metadata__":{"a":"\u12"}}`, 0, 'invalid escape'],
    [
      'invalid UTF-8 in the metadata',
      Uint8Array.of(...encode('{"__metadata__":{"a":"'), 0xff, ...encode('"}}')),
      0,
      'not UTF-8',
    ],
    ['a name of 5,000 bytes', `{"${'a'.repeat(5_000)}":${one}}`, 4, 'more than 4096 bytes'],
    ['metadata that is no text', `{"__metadata__":{"step":7}}`, 0, '" is expected'],
    ['metadata that is no object', `{"__metadata__":"pt"}`, 0, '{ is expected'],
    ['an entry that is no object', `{"a":[0,4]}`, 4, '{ is expected'],
    ['a negative dimension', `{"a":${entry('F32', '[-1]', '[0,4]')}}`, 4, 'natural number'],
    ['a fractional dimension', `{"a":${entry('F32', '[1.0]', '[0,4]')}}`, 4, '] is expected'],
    ['a dimension beyond 2⁵³', `{"a":${entry('F32', '[9007199254740993]', '[0,4]')}}`, 4, 'too large'],
    ['more than 8 dimensions', `{"a":${entry('F32', '[1,1,1,1,1,1,1,1,1]', '[0,4]')}}`, 4, 'more than 8 numbers'],
    ['three offsets', `{"a":${entry('F32', '[1]', '[0,4,8]')}}`, 4, 'more than 2 numbers'],
    ['invalid UTF-8', Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), 0, 'not UTF-8'],
  ])('refuses %s, with the position', (_title, header, dataBytes, reason) => {
    const refusal = refusalOf(() => parse(header, dataBytes));
    expect(refusal).toMatchObject({ code: 'checkpoint-bad-header', facts: { file: FILE } });
    expect(refusal.reason).toContain(reason);
    expect(refusal.reason).toMatch(/^At byte \d+ of the file: /);
  });

  test.each([
    ['one offset', entry('F32', '[1]', '[4]'), 'has no end offset'],
    ['no shape', '{"dtype":"F32","data_offsets":[0,4]}', 'lacks dtype, shape or data_offsets'],
    ['no dtype', '{"shape":[1],"data_offsets":[0,4]}', 'lacks dtype, shape or data_offsets'],
    ['no offsets', '{"dtype":"F32","shape":[1]}', 'lacks dtype, shape or data_offsets'],
    ['an unknown key', '{"dtype":"F32","shape":[1],"offsets":[0,4]}', 'has the unknown key "offsets"'],
    ['an unknown dtype', entry('F6_E2M3', '[1]', '[0,4]'), 'has the unknown dtype "F6_E2M3"'],
    ['a dtype that objects have anyway', entry('constructor', '[1]', '[0,4]'), 'has the unknown dtype "constructor"'],
    [
      'a product beyond 2⁵³',
      entry('F32', '[4294967296,4294967296]', '[0,4]'),
      'has shape [4294967296, 4294967296], more than can be addressed',
    ],
    [
      'an overflow hidden by a zero',
      entry('F32', '[4294967296,4294967296,0]', '[0,0]'),
      'has shape [4294967296, 4294967296, 0], more than can be addressed',
    ],
    [
      'a length that does not follow from the shape',
      entry('F32', '[2]', '[0,4]'),
      'has offsets [0, 4], but F32 [2] takes 8 bytes',
    ],
    [
      'a length that does not follow from the dtype',
      entry('F16', '[1]', '[0,4]'),
      'has offsets [0, 4], but F16 [1] takes 2 bytes',
    ],
    ['an end before the beginning', entry('F32', '[1]', '[4,0]'), 'has offsets [4, 0]'],
    ['a hole at the front', entry('F32', '[1]', '[1,5]'), 'leaves 1 unused bytes in front of it'],
  ])('refuses %s and names the tensor', (_title, text, problem) => {
    const refusal = refusalOf(() => parse(`{"lm_head.weight":${text}}`, 4));
    expect(refusal).toMatchObject({ code: 'checkpoint-bad-header', facts: { tensor: 'lm_head.weight' } });
    expect(refusal.message).toContain(`tensor "lm_head.weight" ${problem}`);
  });

  test.each([
    ['overlaps', entry('F32', '[1]', '[0,4]'), entry('F32', '[1]', '[2,6]'), 'tensor "b" overlaps another'],
    ['share their bytes', entry('F32', '[1]', '[0,4]'), entry('F32', '[1]', '[0,4]'), 'overlaps another'],
    ['leave a hole', entry('F32', '[1]', '[0,4]'), entry('U8', '[1]', '[5,6]'), 'tensor "b" leaves 1 unused bytes'],
  ])('refuses two tensors that %s', (_title, a, b, message) => {
    const refusal = refusalOf(() => parse(`{"b":${b},"a":${a}}`, 6));
    expect(refusal.code).toBe('checkpoint-bad-header');
    expect(refusal.message).toContain(message);
  });

  test('says how many bytes of the data are missing or too many', () => {
    expect(refusalOf(() => parse(`{"a":${one}}`, 1))).toMatchObject({
      code: 'checkpoint-truncated',
      facts: { missing_bytes: 3 },
    });
    expect(refusalOf(() => parse(`{"a":${one}}`, 9))).toMatchObject({
      code: 'checkpoint-bad-header',
      message: `${FILE} has 5 bytes of no tensor at its end`,
    });
  });

  test('clips and escapes names from the file in messages', () => {
    const refusal = refusalOf(() => parse(`{"\u009b31m${'x'.repeat(1000)}":${entry('F9', '[]', '[0,0]')}}`, 0));
    expect(refusal.message).toContain(String.raw`"\u009b31mxxx`);
    expect(refusal.message.length).toBeLessThan(200);
  });

  test.each([
    ['nested objects', '{"a":'.repeat(HOSTILE_BYTES / 5)],
    ['nested lists', `{"a":${'['.repeat(HOSTILE_BYTES - 5)}`],
    ['a list of a million dimensions', `{"a":{"shape":[${'1,'.repeat(HOSTILE_BYTES / 2 - 10)}1]}}`],
    ['a number of a million digits', `{"a":{"shape":[${'9'.repeat(HOSTILE_BYTES - 20)}]}}`],
    ['a million zeros', `{"a":{"shape":[${'0'.repeat(HOSTILE_BYTES - 20)}]}}`],
    ['a name of a million letters', `{"${'a'.repeat(HOSTILE_BYTES - 10)}":1}`],
    ['a name of a million escapes', `{"${String.raw`\u0000`.repeat(HOSTILE_BYTES / 6 - 10)}":1}`],
    ['half a million keys', `{"__metadata__":{${metadataKeys(400_000)}},}`],
    ['ten thousand empty tensors', `{${emptyTensors(10_000)}}`],
    ['nothing but space', `{${' '.repeat(HOSTILE_BYTES - 1)}`],
  ])('refuses %s in a tenth of a second', (_title, header) => {
    const bytes = encode(header);
    expect(bytes.length).toBeLessThanOrEqual(HOSTILE_BYTES);
    // Of the processor, which other processes do not hold up. The best of five: the first ones compile the code.
    const times = [1, 2, 3, 4, 5].map(() => {
      const start = process.cpuUsage();
      expect(refusalOf(() => parse(bytes, 0)).code).toBe('checkpoint-bad-header');
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1000;
    });
    expect(Math.min(...times)).toBeLessThan(100);
  });
});

function metadataKeys(keys: number): string {
  return Array.from({ length: keys }, (_, index) => `"${index.toString(36)}":""`).join(',');
}

function emptyTensors(tensors: number): string {
  return Array.from({ length: tensors }, (_, index) => `"${index}":${entry('U8', '[0]', '[0,0]')}`).join(',');
}

// Other projects keep notes, logs and whole tokenizers there; 5 MB of text used to be called damaged.
describe('much metadata', () => {
  const room = count(10, 99) * 1e6;

  test.each([
    ['in one text', `"log":"${'x'.repeat(room)}"`],
    ['in one text of escapes', `"log":"${String.raw`\u00e9`.repeat(room / 6)}"`],
    ['in keys', metadataKeys(room / 11)],
  ])('%s is read, and nothing of it kept', (_title, text) => {
    const bytes = encode(`{"__metadata__":{${text}},"a":${entry('U8', '[1]', '[0,1]')}}`);
    expect(bytes.length).toBeGreaterThan(0.8 * room);
    expect(bytes.length).toBeLessThanOrEqual(MAX_HEADER_BYTES);
    const before = process.memoryUsage().heapUsed;
    expect([...parse(bytes, 1).keys()]).toEqual(['a']);
    // Garbage that nobody has collected yet included.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(48e6);
  });
});

describe('readHeaderLength', () => {
  const prefix = (length: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(length).buffer);

  test('reads eight little-endian bytes', () => {
    expect(readHeaderLength(Uint8Array.of(2, 1, 0, 0, 0, 0, 0, 0), 8 + 258, FILE)).toBe(258);
    expect(readHeaderLength(prefix(BigInt(MAX_HEADER_BYTES)), 8 + MAX_HEADER_BYTES, FILE)).toBe(MAX_HEADER_BYTES);
  });

  test.each([BigInt(MAX_HEADER_BYTES) + 1n, 1n << 53n, 1n << 63n, (1n << 64n) - 1n])(
    'refuses a header of %d bytes whatever the size of the file',
    (length) => {
      const refusal = refusalOf(() => readHeaderLength(prefix(length), Number.MAX_SAFE_INTEGER, FILE));
      expect(refusal).toMatchObject({ code: 'checkpoint-bad-header' });
      expect(refusal.message).toContain(`a header of ${length} bytes`);
    },
  );

  test.each([
    ['an empty file', new Uint8Array(0), 0, 8],
    ['a file of seven bytes', new Uint8Array(7), 7, 1],
    ['a file that ends within the header', prefix(100n), 60, 48],
  ])('says how many bytes %s lacks', (_title, bytes, fileBytes, missing) => {
    expect(refusalOf(() => readHeaderLength(bytes, fileBytes, FILE))).toMatchObject({
      code: 'checkpoint-truncated',
      facts: { missing_bytes: missing },
    });
  });
});

describe('any header', () => {
  const dtypes = Object.keys(DTYPE_BYTES).filter(isDtype);
  const layouts = fc.uniqueArray(
    fc.record({
      name: fc.string({ unit: 'grapheme', maxLength: 12 }).filter((name) => name !== '__metadata__'),
      dtype: fc.constantFrom(...dtypes),
      shape: fc.array(fc.nat({ max: 6 }), { maxLength: 4 }),
    }),
    { selector: ({ name }) => name, maxLength: 8 },
  );

  const written = layouts.chain((layout) =>
    fc.record({
      layout: fc.constant(layout),
      shuffled: fc.shuffledSubarray(layout, { minLength: layout.length }),
      indent: fc.nat({ max: 3 }),
    }),
  );

  test('that is valid is read back, in whatever order and spacing it is written', () => {
    fc.assert(
      fc.property(written, ({ layout, shuffled, indent }) => {
        let dataBytes = 0;
        const offsets = new Map<string, [number, number]>();
        for (const { name, dtype, shape } of layout) {
          const begin = dataBytes;
          dataBytes += bytesOf(dtype, shape);
          offsets.set(name, [begin, dataBytes]);
        }
        // Not as one object: integer-like names would be reordered and "__proto__" lost.
        const entries = shuffled.map(({ name, dtype, shape }) => {
          const value = { shape, data_offsets: offsets.get(name), dtype };
          return `${JSON.stringify(name)}: ${JSON.stringify(value, undefined, indent)}`;
        });
        const header = encode(`{${entries.join(',\n')}}${' '.repeat(indent)}`);
        expect(judge(header, dataBytes)).toBe('right');
        expect(new Set(parse(header, dataBytes).keys())).toEqual(new Set(offsets.keys()));
      }),
    );
  });

  test('that is any JSON is refused or agrees with JSON.parse', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (json) => {
        expect(judge(encode(json), 0)).not.toBe('wrong');
      }),
    );
  });

  test('that lost its end is refused', () => {
    for (let length = 0; length < SMALL.length; length++) {
      expect(refusalOf(() => parse(SMALL.subarray(0, length), SMALL_DATA)).code).toBe('checkpoint-bad-header');
    }
  });

  test('with any bit flipped is refused or as valid as another', () => {
    const verdicts = { refused: 0, right: 0, wrong: 0 };
    for (let bit = 0; bit < 8 * SMALL.length; bit++) {
      const flipped = Uint8Array.from(SMALL);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      verdicts[judge(flipped, SMALL_DATA)]++;
    }
    expect(verdicts.wrong).toBe(0);
    // A flip within a name or the metadata gives another valid file; nearly all others are found.
    expect(verdicts.right).toBeLessThan(8 * 30);
    expect(verdicts.refused).toBeGreaterThan(8 * 100);
  });

  test('with any bytes overwritten is refused or as valid as another', () => {
    fc.assert(
      fc.property(fc.nat({ max: SMALL.length - 1 }), fc.uint8Array({ minLength: 1, maxLength: 4 }), (start, bytes) => {
        const changed = Uint8Array.from(SMALL);
        changed.set(bytes.subarray(0, changed.length - start), start);
        expect(judge(changed, SMALL_DATA)).not.toBe('wrong');
      }),
    );
  });
});

const SMALL = encode(
  `{"__metadata__":{"format":"pt"},"a.weight":${entry('F32', '[2,3]', '[0,24]')},"a.norm":${entry('BF16', '[3]', '[24,30]')}}`,
);
const SMALL_DATA = 30;

/** Right when JSON.parse sees the same tensors in an accepted header and they fill the data without gaps. */
function judge(header: Uint8Array, dataBytes: number): 'refused' | 'right' | 'wrong' {
  const tensors = attempt(() => parse(header, dataBytes));
  if (tensors instanceof CheckpointError) return 'refused';
  const dataStart = 8 + header.length;
  const entries: [string, object][] = [];
  let position = dataStart;
  for (const [name, { dtype, shape, fileOffset, byteLength }] of tensors) {
    if (fileOffset !== position || byteLength !== bytesOf(dtype, shape)) return 'wrong';
    position += byteLength;
    entries.push([name, { dtype, shape, data_offsets: [fileOffset - dataStart, position - dataStart] }]);
  }
  const json = new TextDecoder('utf-8', { fatal: true }).decode(header);
  const expected: unknown = JSON.parse(json, (key, value: unknown) => (key === '__metadata__' ? undefined : value));
  const same = isDeepStrictEqual(Object.fromEntries(entries), expected);
  return same && position === dataStart + dataBytes ? 'right' : 'wrong';
}

function bytesOf(dtype: Dtype, shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, DTYPE_BYTES[dtype]);
}
