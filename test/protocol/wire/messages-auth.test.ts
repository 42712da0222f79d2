/** The example of `auth.1` in docs/PROTOCOL.md, section 8, computed here from the words of that section alone. */

import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodeMapMessage } from '../../../protocol/wire/message.js';
import { groupText, tableHash } from '../../../protocol/wire/message-group.js';
import { AUTH_GROUP, boardProofInput, hostProofInput } from '../../../protocol/wire/groups/messages-auth.js';
import { GATE_HELLO } from '../../../protocol/wire/messages-board.js';
import { bytes } from '../../helpers/frames.js';

const DOCUMENT = readFileSync(new URL('../../../docs/PROTOCOL.md', import.meta.url), 'utf8');
const [key, boardNonce, hostNonce] = [0, 0x20, 0x40].map((first) =>
  Buffer.from(Array.from({ length: 32 }, (_, index) => first + index)),
) as [Buffer, Buffer, Buffer];
const GATE = bytes(documented('payload of the first `HELLO`'));
const OWN_HELLO = Buffer.from('HELLO');

/** The bytes of a row of the example. */
function documented(what: string): string {
  const row = DOCUMENT.split('\n').find((line) => line.startsWith(`| ${what}`));
  return row?.split('`').at(-2) ?? '';
}

function hmac(input: Uint8Array): string {
  return createHmac('sha256', key).update(input).digest('hex');
}

/** Parts behind their lengths, as the document says. */
function lengthsAndParts(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(part.length);
      return [length, part];
    }),
  );
}

describe('the example of auth.1 in the specification', () => {
  it('has the first HELLO that the code writes', () => {
    const schema = tableHash(
      groupText(AUTH_GROUP),
      (data) => new Uint8Array(createHash('sha256').update(data).digest()),
    );
    const hello = { protocol: 1, schema, board: 'virtual', capabilities: ['auth.1'] };
    expect(Buffer.from(encodeMapMessage(GATE_HELLO, hello)).equals(GATE)).toBe(true);
  });

  it("has the host's proof", () => {
    const proof = bytes(documented("the host's proof"));
    const input = lengthsAndParts(Buffer.from('mmfree auth.1 host'), GATE, boardNonce, hostNonce);
    expect(hmac(input)).toBe(Buffer.from(proof).toString('hex'));
    expect(Buffer.from(hostProofInput({ gate: GATE, boardNonce, hostNonce })).equals(input)).toBe(true);
  });

  it("has the board's proof", () => {
    const proof = bytes(documented("the board's proof"));
    const input = lengthsAndParts(Buffer.from('mmfree auth.1 board'), GATE, boardNonce, hostNonce, OWN_HELLO);
    expect(hmac(input)).toBe(Buffer.from(proof).toString('hex'));
    expect(Buffer.from(boardProofInput({ gate: GATE, boardNonce, hostNonce }, OWN_HELLO)).equals(input)).toBe(true);
  });
});
