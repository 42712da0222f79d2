/**
 * `gateware/bench/hello.hex` is the HELLO that `mmf_boot` must write for the image head that its bench makes up: the
 * bench compares it with the chip's, byte for byte, and here the host's own decoder reads it.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { encodeMapMessage } from '../../protocol/wire/message.js';
import { decodeHello, schemaHash } from '../../protocol/wire/messages.js';
import { HELLO } from '../../protocol/wire/messages-board.js';
import type { Hello } from '../../protocol/wire/messages-board.js';

const text = readFileSync(new URL('../../gateware/bench/hello.hex', import.meta.url), 'utf8');
const HELLO_BYTES = Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
const SCHEMA = schemaHash((data) => new Uint8Array(createHash('sha256').update(data).digest()));
/** Where the hash of the seal lies in the bench's image. */
const HASH_OFFSET = 0x11000 + 704 + 10;

const EXPECTED: Hello = {
  protocol: 1,
  schema: SCHEMA,
  board: 'icebreaker',
  serial: 'bench-1',
  firmware: '0.1.0',
  bootNonce: 0x8000_0000,
  limits: {
    vocabSize: 65_536,
    hiddenSize: 1024,
    intermediateSize: 2048,
    layers: 23,
    imageBytes: 4_194_304,
    promptTokens: 1,
    window: 1,
  },
  minimumRevision: 0,
  sectorBytes: 4096,
  slots: 1,
  image: {
    name: 'a',
    sha256: Uint8Array.from({ length: 32 }, (_, k) => (HASH_OFFSET + k) * 13 + ((HASH_OFFSET + k) >> 8)),
    revision: 70_000,
    confirmed: true,
    vocabSize: 1000,
    hiddenSize: 256,
    intermediateSize: 768,
    layers: 7,
    bosTokenId: 1,
    eosTokenId: 23,
  },
};

describe('the HELLO of the gateware', () => {
  test('is read by the host as what the board and its image are', () => {
    expect(decodeHello(HELLO_BYTES, SCHEMA)).toEqual({ kind: 'hello', hello: EXPECTED });
  });

  test('is the shortest encoding, so that its bytes are the only ones', () => {
    expect(Buffer.from(HELLO_BYTES).toString('hex')).toBe(
      Buffer.from(encodeMapMessage(HELLO, EXPECTED)).toString('hex'),
    );
  });
});
