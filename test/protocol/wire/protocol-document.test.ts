/** docs/PROTOCOL.md says bytes and numbers; they are the ones that the code has. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { encodeFrame, FRAME_KINDS } from '../../../protocol/wire/frame.js';
import type { Frame } from '../../../protocol/wire/frame.js';
import { encodeMapMessage, encodeMessage } from '../../../protocol/wire/message.js';
import { GROUPS } from '../../../protocol/wire/groups/message-groups.js';
import { MESSAGES, schemaHash } from '../../../protocol/wire/messages.js';
import { BOARD_ERRORS, ERROR, GATE_HELLO, GET_HELLO, HELLO } from '../../../protocol/wire/messages-board.js';
import { DONE, STEP, STEPPED, wordsOfStepped } from '../../../protocol/wire/messages-run.js';
import { RESTART } from '../../../protocol/wire/groups/messages-restart.js';
import { STATE_READ, STATE_WRITE } from '../../../protocol/wire/groups/messages-state.js';
import { synAckPayload, synPayload } from '../../../protocol/wire/opening.js';
import { bytes, frameOf, framesIn, readAll } from '../../helpers/frames.js';

const DOCUMENT = readFileSync(new URL('../../../docs/PROTOCOL.md', import.meta.url), 'utf8');

/** The cells of the table rows under the heading with this number. */
function rowsOf(section: number): string[][] {
  const text = DOCUMENT.split(/^## /m).find((part) => part.startsWith(`${section}. `)) ?? '';
  return text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** The messages in the tables of a section, as `10 RESET`. */
function messagesIn(section: number): string[] {
  const found = rowsOf(section).flatMap(([type, names]) =>
    Array.from(`${type} ${names}`.matchAll(/0x([0-9A-F]{2}) `([A-Z_]+)`/g), ([, number, name]) => `${number} ${name}`),
  );
  return [...new Set(found)].toSorted();
}

function namesOf(messages: readonly { readonly type: number; readonly name: string }[]): string[] {
  return messages.map(({ type, name }) => `${type.toString(16).toUpperCase().padStart(2, '0')} ${name}`).toSorted();
}

const NONCE = 0x12345678;
const words = wordsOfStepped({
  taps: new Uint32Array(0),
  candidates: [
    { id: 7, logit: 4096 },
    { id: 9, logit: -1 },
  ],
});

const EXAMPLES: readonly (readonly [start: string, frame: Frame])[] = [
  ['`SYN`,', frameOf({ kind: 'syn', window: 32, payload: synPayload(NONCE) })],
  ['`SYN-ACK`', frameOf({ kind: 'syn-ack', window: 1, payload: synAckPayload(NONCE) })],
  [
    '`STEP` ',
    frameOf({
      kind: 'data',
      type: STEP.type,
      sequence: 0,
      acknowledge: 1,
      window: 32,
      payload: encodeMessage(STEP, { taps: 0, candidates: 2, token: 258 }),
    }),
  ],
  [
    '`STEPPED`',
    frameOf({
      kind: 'data',
      type: STEPPED.type,
      sequence: 1,
      acknowledge: 1,
      window: 1,
      payload: encodeMessage(STEPPED, { token: 7, receipt: 0xcbf43926, words }),
    }),
  ],
  ['`RESTART`', frameOf({ kind: 'data', type: RESTART.type, acknowledge: 1, window: 32 })],
  ['`GET_HELLO`', frameOf({ kind: 'data', type: GET_HELLO.type, acknowledge: 1, window: 32 })],
  [
    '`STATE_READ`',
    frameOf({
      kind: 'data',
      type: STATE_READ.type,
      acknowledge: 1,
      window: 32,
      payload: encodeMessage(STATE_READ, { firstWord: 258, words: 2 }),
    }),
  ],
  [
    '`STATE_WRITE`',
    frameOf({
      kind: 'data',
      type: STATE_WRITE.type,
      acknowledge: 1,
      window: 32,
      payload: encodeMessage(STATE_WRITE, { firstWord: 0, words: Uint32Array.of(1, 0xffff_fffe) }),
    }),
  ],
  [
    '`ERROR` 1',
    frameOf({
      kind: 'data',
      type: ERROR.type,
      sequence: 1,
      acknowledge: 1,
      window: 32,
      payload: encodeMessage(ERROR, { code: 1, request: GET_HELLO.type, factA: 0, factB: 0 }),
    }),
  ],
  [
    'First `HELLO`',
    frameOf({
      kind: 'data',
      type: GATE_HELLO.type,
      window: 32,
      payload: encodeMapMessage(GATE_HELLO, {
        protocol: 1,
        schema: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
        board: 'x',
        capabilities: ['auth.1'],
      }),
    }),
  ],
  ['`ACK` with `AGAIN`', frameOf({ kind: 'ack', acknowledge: 2, again: true })],
];

describe('the byte examples of the specification', () => {
  test.each(EXAMPLES)('%s is written and read so', (start, frame) => {
    const cells = rowsOf(9).find(([title]) => title?.startsWith(start));
    const line = bytes(cells?.[1]?.replaceAll('`', '') ?? '');
    expect(Buffer.from(encodeFrame(frame)).toString('hex')).toBe(Buffer.from(line).toString('hex'));
    expect(framesIn(readAll(line))).toEqual([frame]);
  });

  test('are all tested', () => {
    expect(rowsOf(9)).toHaveLength(EXAMPLES.length + 2);
  });
});

describe('the tables of the specification', () => {
  test('have the kinds of frames', () => {
    const kinds = rowsOf(1).flatMap(([number, name]) => (name?.startsWith('`') === true ? [[number, name]] : []));
    expect(kinds).toEqual(FRAME_KINDS.map((kind, index) => [`${index}`, `\`${kind.toUpperCase()}\``]));
  });

  test('have the messages with their types', () => {
    expect(messagesIn(3)).toEqual(namesOf(MESSAGES));
  });

  test('have the messages of the groups, and the one that asks for them', () => {
    const messages = [GET_HELLO, HELLO, DONE, ...GROUPS.flatMap((group) => group.messages)];
    expect(messagesIn(8)).toEqual(namesOf(messages));
  });

  test('have the error codes', () => {
    const codes = rowsOf(7).map(([code]) => Number(code));
    expect(codes.filter((code) => code > 0)).toEqual(Object.values(BOARD_ERRORS));
  });

  test('have the hash of the table of messages', () => {
    const hash = schemaHash((data) => new Uint8Array(createHash('sha256').update(data).digest()));
    expect(DOCUMENT).toContain(`8 bytes, \`${Buffer.from(hash).toString('hex')}\``);
  });
});
