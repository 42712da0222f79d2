import { decode as decodeAnyCbor, encode } from 'cborg';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { MAX_PAYLOAD_BYTES } from '../../../protocol/wire/frame.js';
import type { Layout } from '../../../protocol/wire/layout.js';
import { decodeMapMessage, decodeMessage, encodeMapMessage, encodeMessage } from '../../../protocol/wire/message.js';
import type { FixedMessage } from '../../../protocol/wire/message.js';
import { decodeHello, MESSAGES, schemaHash, schemaText } from '../../../protocol/wire/messages.js';
import {
  BOARD_ERRORS,
  ERROR,
  FULL_HELLO,
  GATE_HELLO,
  GET_INFO,
  HELLO,
  INFO,
} from '../../../protocol/wire/messages-board.js';
import type { BoardInfo, Hello } from '../../../protocol/wire/messages-board.js';
import * as flash from '../../../protocol/wire/messages-flash.js';
import * as run from '../../../protocol/wire/messages-run.js';
import { bytes } from '../../helpers/frames.js';

const sha256 = (data: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(data).digest());
const SCHEMA = schemaHash(sha256);
const PREFIX = Uint8Array.from({ length: 272 }, (_, index) => index);
const hexOf = (data: Uint8Array): string => Buffer.from(data).toString('hex');

/** A message, a value, and its payload written by hand from docs/PROTOCOL.md. */
function example<L extends Layout>(
  message: FixedMessage<L>,
  value: Parameters<typeof encodeMessage<L>>[1],
  hex: string,
): { name: string; hex: string; encoded: () => Uint8Array; decode: (payload: Uint8Array) => unknown; value: unknown } {
  return {
    name: message.name,
    hex,
    value,
    encoded: () => encodeMessage(message, value),
    decode: (payload) => decodeMessage(message, payload),
  };
}

const EXAMPLES = [
  example(GET_INFO, {}, ''),
  example(
    ERROR,
    { code: BOARD_ERRORS.unknownToken, request: 0x11, factA: 4096, factB: 4095 },
    '0500 11 00 00100000 ff0f0000',
  ),
  example(run.RESET, {}, ''),
  example(run.DONE, { request: 0x10 }, '10'),
  example(run.STEP, { taps: 1, candidates: 64, token: 0x01020304 }, '01 40 0000 04030201'),
  example(
    run.STEPPED,
    { token: 7, receipt: 0xcbf43926, words: Uint32Array.of(0xaabbccdd) },
    '07000000 2639f4cb ddccbbaa',
  ),
  example(
    run.RUN,
    {
      run: 1,
      firstIndex: 2,
      maxTokens: 3,
      topK: 40,
      keep: 1,
      inverseTemperature: 1846,
      topP: 29_491,
      seed: 0x0102030405060708n,
      tokens: Uint32Array.of(5, 6),
    },
    '01000000 02000000 03000000 28 01 3607 3373 0000 0807060504030201 02000000 05000000 06000000',
  ),
  example(run.TOKEN, { run: 1, index: 2, token: 3, receipt: 0xffffffff }, '01000000 02000000 03000000 ffffffff'),
  example(run.ENDED, { run: 1, nextIndex: 2, reason: run.END_REASON.unknownRun }, '01000000 02000000 03 000000'),
  example(run.CANCEL, { run: 0x11223344 }, '44332211'),
  example(run.RESUME, { run: 1, index: 2 }, '01000000 02000000'),
  example(
    flash.FLASH_BEGIN,
    { imageLength: 0x00a0b0c0, prefix: PREFIX, seal: bytes('a0b1') },
    `c0b0a000 1001 0200 ${hexOf(PREFIX)} a0b1`,
  ),
  example(flash.FLASH_READY, { slot: 1, imageLength: 4096 }, '01 000000 00100000'),
  example(flash.FLASH_COMPARE, { firstSector: 9, sectors: 1000 }, '09000000 e803 0000'),
  example(flash.FLASH_SUMS, { firstSector: 9, crc32c: Uint32Array.of(1, 2) }, '09000000 0200 0000 01000000 02000000'),
  example(flash.FLASH_WRITE, { offset: 6144, data: bytes('010203') }, '00180000 010203'),
  example(flash.FLASH_END, {}, ''),
  example(flash.FLASH_ENDED, { sha256: PREFIX.subarray(0, 32) }, hexOf(PREFIX.subarray(0, 32))),
  example(flash.FLASH_READ, { offset: 1, length: 4000 }, '01000000 a00f 0000'),
  example(flash.FLASH_DATA, { offset: 1, data: bytes('ff') }, '01000000 ff'),
  example(flash.CONFIRM, {}, ''),
  example(flash.REVERT, {}, ''),
];

describe('a message of fixed layout', () => {
  test.each(EXAMPLES)('$name is the bytes that the specification says', ({ hex, encoded, decode, value }) => {
    expect(hexOf(encoded())).toBe(hexOf(bytes(hex)));
    expect(decode(bytes(hex))).toEqual(value);
  });

  test.each(EXAMPLES)('$name cut short is refused, unless it has another number of data bytes', (given) => {
    const { name, encoded, decode } = given;
    const payload = encoded();
    const hasData = name === 'FLASH_WRITE' || name === 'STEPPED';
    const read = Array.from(payload, (_, length) => decode(payload.subarray(0, length)));
    expect(read.filter((value) => value !== undefined)).toHaveLength(hasData ? (name === 'STEPPED' ? 1 : 2) : 0);
  });

  test('exists for every row of the table that is not CBOR', () => {
    const fixed = MESSAGES.filter((message) => 'layout' in message).map(({ name }) => name);
    expect(EXAMPLES.map(({ name }) => name).toSorted()).toEqual(fixed.toSorted());
  });

  test('is read or refused, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...MESSAGES), fc.uint8Array({ maxLength: 400 }), (message, payload) => {
        if (!('layout' in message)) return;
        const value = decodeMessage(message, payload);
        if (value === undefined) return;
        expect(encodeMessage(message, value)).toEqual(payload);
      }),
    );
  });

  test.each([
    ['a STEP with taps 2', run.STEP, '02 00 0000 00000000'],
    ['a STEP with 65 candidates', run.STEP, '00 41 0000 00000000'],
    ['a STEP with a reserved byte', run.STEP, '00 00 0001 00000000'],
    ['an ENDED with an unknown reason', run.ENDED, '01000000 02000000 04 000000'],
    ['a RUN without tokens', run.RUN, '01000000 02000000 03000000 28 01 3607 3373 0000 0807060504030201 00000000'],
    ['a FLASH_WRITE at an odd offset', flash.FLASH_WRITE, '00040000 010203'],
    ['a FLASH_WRITE of nothing', flash.FLASH_WRITE, '00080000'],
    ['a FLASH_READ of nothing', flash.FLASH_READ, '00000000 0000 0000'],
    ['a FLASH_READ of too much', flash.FLASH_READ, '00000000 a10f 0000'],
    ['a FLASH_COMPARE of too much', flash.FLASH_COMPARE, '00000000 e903 0000'],
  ])('%s is refused', (_, message: FixedMessage, hex) => {
    expect(decodeMessage(message, bytes(hex))).toBeUndefined();
  });

  test.each<[string, Uint8Array]>([
    [
      'RUN',
      encodeMessage(run.RUN, {
        run: 0,
        firstIndex: 0,
        maxTokens: 0,
        topK: 1,
        keep: 0,
        inverseTemperature: 0,
        topP: 1,
        seed: 0n,
        tokens: new Uint32Array(run.MAX_RUN_TOKENS),
      }),
    ],
    ['STEPPED', encodeMessage(run.STEPPED, { token: 0, receipt: 0, words: new Uint32Array(257 + 128) })],
    ['FLASH_BEGIN', encodeMessage(flash.FLASH_BEGIN, { imageLength: 0, prefix: PREFIX, seal: new Uint8Array(1024) })],
    ['FLASH_SUMS', encodeMessage(flash.FLASH_SUMS, { firstSector: 0, crc32c: new Uint32Array(flash.MAX_FLASH_SUMS) })],
    ['FLASH_WRITE', encodeMessage(flash.FLASH_WRITE, { offset: 0, data: new Uint8Array(flash.FLASH_WRITE_BYTES) })],
    ['FLASH_DATA', encodeMessage(flash.FLASH_DATA, { offset: 0, data: new Uint8Array(flash.MAX_FLASH_READ_BYTES) })],
  ])('%s fits into a frame at its longest', (_, payload) => {
    expect(payload.length).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
  });
});

describe('the words of STEPPED', () => {
  const parts = {
    taps: Uint32Array.of(1, 2, 0xffffffff),
    candidates: [
      { id: 9, logit: 5 },
      { id: 3, logit: -(2 ** 31) },
    ],
  };
  const stepped = { token: 9, receipt: 0, words: run.wordsOfStepped(parts) };

  test('are taps, then candidates with signed logits', () => {
    expect([...stepped.words]).toEqual([1, 2, 0xffffffff, 9, 5, 3, 2 ** 31]);
    expect(run.partsOfStepped(stepped, 3, 2)).toEqual(parts);
  });

  test('are refused if they are not as many as asked for', () => {
    for (const [taps, candidates] of [
      [3, 1],
      [3, 3],
      [2, 2],
      [0, 0],
    ] as const) {
      expect(run.partsOfStepped(stepped, taps, candidates)).toBeUndefined();
    }
  });
});

const HELLO_VALUE: Hello = {
  protocol: 1,
  schema: SCHEMA,
  board: 'virtual',
  serial: '0001',
  firmware: '0.1.0',
  bootNonce: 0xffffffff,
  limits: {
    vocabSize: 65_536,
    hiddenSize: 8192,
    intermediateSize: 8192,
    layers: 256,
    imageBytes: 2 ** 32 - 1,
    promptTokens: 1000,
    window: 32,
  },
  minimumRevision: 0,
  sectorBytes: 4096,
  slots: 2,
};

const IMAGE: NonNullable<Hello['image']> = {
  name: 'x'.repeat(64),
  sha256: new Uint8Array(32),
  revision: 1,
  confirmed: false,
  vocabSize: 4096,
  hiddenSize: 256,
  intermediateSize: 768,
  layers: 8,
  bosTokenId: 1,
  eosTokenId: 2,
};

function encodedHello(more: object): Uint8Array {
  return encode({
    ...Object.fromEntries(
      decodeAnyCbor(encodeMapMessage(HELLO, HELLO_VALUE), { useMaps: true }) as Map<string, unknown>,
    ),
    ...more,
  });
}

function manyNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${'x'.repeat(21)}${String.fromCharCode(97 + index)}.99999999`);
}

describe('HELLO', () => {
  test('of a board to come is read: what this version does not know is ignored', () => {
    const later = encodedHello({ capabilities: ['auth.1', 'state.1'], colour: { red: [1, 'x'.repeat(500)] } });
    const hello = { ...HELLO_VALUE, capabilities: ['auth.1', 'state.1'] };
    expect(decodeHello(later, SCHEMA)).toEqual({ kind: 'hello', hello });
  });

  test('with as many capabilities as there may be fits', () => {
    const hello = { ...HELLO_VALUE, image: IMAGE, signer: new Uint8Array(32), capabilities: manyNames(16) };
    expect(decodeHello(encodeMapMessage(FULL_HELLO, hello), SCHEMA)).toEqual({ kind: 'hello', hello });
  });

  test('of a board that wants something first names the group, and is of another protocol to older hosts', () => {
    const gate = { protocol: 1, schema: bytes('0102030405060708'), board: 'virtual', capabilities: ['auth.1'] };
    expect(decodeHello(encodeMapMessage(GATE_HELLO, gate), SCHEMA)).toEqual({ kind: 'gate', gate });
  });

  test.each<[string, Hello]>([
    ['without an image', HELLO_VALUE],
    ['with an image and a signer', { ...HELLO_VALUE, image: IMAGE, signer: new Uint8Array(32).fill(1) }],
  ])('is read as it was written, %s', (_, hello) => {
    expect(decodeHello(encodeMapMessage(HELLO, hello), SCHEMA)).toEqual({ kind: 'hello', hello });
  });

  test('at its longest is not longer than the specification says', () => {
    const text = 'x'.repeat(64);
    const image = { ...IMAGE, revision: 2 ** 32 - 1, vocabSize: 2 ** 32 - 1, hiddenSize: 2 ** 32 - 1 };
    const longest = { ...HELLO_VALUE, board: text, serial: text, firmware: text, image, signer: new Uint8Array(32) };
    expect(encodeMapMessage(HELLO, longest).length).toBeLessThan(1024);
  });

  test.each<[string, object, number]>([
    ['another version, whatever else it says', { protocol: 2, schema: SCHEMA, more: [] }, 2],
    ['another schema', { protocol: 1, schema: new Uint8Array(8) }, 1],
    ['no schema', { protocol: 1 }, 1],
  ])('of %s is told from one that is malformed', (_, wire, protocol) => {
    expect(decodeHello(encode(wire), SCHEMA)).toEqual({ kind: 'other-protocol', protocol });
  });

  test.each<[string, Uint8Array]>([
    ['board is missing', encode({ protocol: 1, schema: SCHEMA })],
    ['protocol is missing', encode({ schema: SCHEMA })],
    ['it is not a map', encode([1])],
    ['the bytes end inside an item', new Uint8Array(0)],
    ['it is longer than 2048', encode({ x: 'x'.repeat(2048) })],
    ['capabilities is not capability[0..16]', encodedHello({ capabilities: ['state.1', 'auth.1'] })],
    ['capabilities is not capability[0..16]', encodedHello({ capabilities: ['State.1'] })],
    ['capabilities is not capability[0..16]', encodedHello({ capabilities: ['state'] })],
    ['capabilities is not capability[0..16]', encodedHello({ capabilities: [`${'x'.repeat(24)}.1`] })],
    ['capabilities is not capability[0..16]', encodedHello({ capabilities: manyNames(17) })],
  ])('is malformed because %s', (problem, payload) => {
    expect(decodeHello(payload, SCHEMA)).toEqual({ kind: 'malformed', problem });
  });

  test('with a changed byte is read, refused, or of another protocol', () => {
    const payload = encodeMapMessage(HELLO, { ...HELLO_VALUE, image: IMAGE });
    fc.assert(
      fc.property(fc.nat(payload.length - 1), fc.nat(255), (at, value) => {
        const damaged = payload.slice();
        damaged[at] = value;
        const result = decodeHello(damaged, SCHEMA);
        if (result.kind !== 'hello') return;
        // Without an optional key, if its name is what was hit.
        expect(decodeHello(encodeMapMessage(FULL_HELLO, result.hello), SCHEMA)).toEqual(result);
      }),
    );
  });
});

describe('INFO', () => {
  test('is read as it was written', () => {
    const link = { framesIn: 1, framesOut: 2, bytesIn: 2 ** 53 - 1, bytesOut: 4, badFrames: 5, repeats: 6 };
    const info: BoardInfo = { uptimeMs: 1, steps: 2, state: 'waiting', run: { run: 3, nextIndex: 4 }, link };
    expect(decodeMapMessage(INFO, encodeMapMessage(INFO, info))).toEqual({ value: info });
  });
});

describe('the table of messages', () => {
  test('has each type and name once, in order, boards below 0x80', () => {
    const types = MESSAGES.map(({ type }) => type);
    expect(types).toEqual([...new Set(types)].toSorted((a, b) => a - b));
    expect(new Set(MESSAGES.map(({ name }) => name)).size).toBe(MESSAGES.length);
  });

  test('is hashed as ASCII text, of which the first 8 bytes count', () => {
    expect(schemaText()).toMatch(/^[ -~\n]+$/);
    expect(hexOf(SCHEMA)).toBe('acde717cb842a99a'); // for good: what is new comes in groups
    expect(hexOf(SCHEMA)).toBe(createHash('sha256').update(schemaText()).digest('hex').slice(0, 16));
  });
});
