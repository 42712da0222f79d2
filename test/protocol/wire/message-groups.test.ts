/** Groups of messages beyond the base table: docs/PROTOCOL.md, section 8. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { u32 } from '../../../protocol/wire/layout.js';
import { fixedMessage } from '../../../protocol/wire/message.js';
import { CAPABILITY, groupText, tableHash } from '../../../protocol/wire/message-group.js';
import { GROUPS } from '../../../protocol/wire/groups/message-groups.js';
import { MESSAGES } from '../../../protocol/wire/messages.js';
import { BOARD_ERRORS, GET_HELLO } from '../../../protocol/wire/messages-board.js';

/** By which a table that was changed without a new name is found. */
const HASHES: Readonly<Record<string, string>> = {
  'auth.1': '9017be1689d5c108',
  'restart.1': '77a04c2f68fc0637',
  'state.1': 'c7e3dc65d4379b36',
};

describe('the groups of messages', () => {
  test('have their names, in order, each once', () => {
    const names = GROUPS.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)].toSorted());
    for (const name of names) expect(name).toMatch(CAPABILITY);
  });

  test('share no type and no error code with another table', () => {
    const types = [...MESSAGES, GET_HELLO, ...GROUPS.flatMap(({ messages }) => messages)].map(({ type }) => type);
    expect(new Set(types).size).toBe(types.length);
    const codes = [...Object.values(BOARD_ERRORS), ...GROUPS.flatMap(({ errors = {} }) => Object.values(errors))];
    expect(new Set(codes).size).toBe(codes.length);
  });

  test('never change under the same name', () => {
    const hashes = GROUPS.map((group) => [group.name, hashOf(groupText(group))]);
    expect(Object.fromEntries(hashes)).toEqual(HASHES);
  });

  test('have their hashes in the specification', () => {
    const text = readFileSync(new URL('../../../docs/PROTOCOL.md', import.meta.url), 'utf8');
    for (const hash of Object.values(HASHES)) expect(text).toContain(`\`${hash}\``);
  });

  test('are hashed like the base table, with their name', () => {
    const messages = [fixedMessage(0x70, 'ECHO', { word: u32() }), fixedMessage(0xf0, 'ECHOED', { word: u32() })];
    expect(groupText({ name: 'echo.1', messages, errors: { tooLoud: 90 } })).toBe(
      'mmfree echo.1\n70 ECHO word:u32\nf0 ECHOED word:u32\nerrors 90:tooLoud\n',
    );
  });
});

function hashOf(text: string): string {
  const hash = tableHash(text, (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()));
  return Buffer.from(hash).toString('hex');
}
