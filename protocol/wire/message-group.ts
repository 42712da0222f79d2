/**
 * Messages beyond the base table: named groups of them, each with a table and a hash of its own. A board lists the
 * names of those that it knows as `capabilities` (docs/PROTOCOL.md, section 8). The base table and its hash never
 * change.
 */

import { mapText } from '../cbor-map.js';
import { layoutText } from './layout.js';
import type { FixedMessage, MapMessage } from './message.js';

/** Bytes of the hash that tells tables apart. */
export const SCHEMA_HASH_BYTES = 8;

export interface MessageGroup {
  /** A word and a version, such as `state.1`: another table is another version. Matches {@link CAPABILITY}. */
  readonly name: string;
  /** In the order of their types, which no other table has. */
  readonly messages: readonly (FixedMessage | MapMessage)[];
  /** Codes of `ERROR` that only its requests are answered with, by name. */
  readonly errors?: Readonly<Record<string, number>>;
}

/** What names a group. */
export const CAPABILITY = /^[a-z][a-z0-9-]{0,22}\.[1-9][0-9]{0,7}$/;

/** One line for each message, then one for the error codes. ASCII. Names of fields are part of it. */
export function tableText(title: string, { messages, errors = {} }: Omit<MessageGroup, 'name'>): string {
  const lines = messages.map((message) => {
    const content = 'layout' in message ? layoutText(message.layout) : mapText(message.schema);
    return `${message.type.toString(16).padStart(2, '0')} ${message.name} ${content}`.trimEnd();
  });
  const codes = Object.entries(errors).map(([name, code]) => `${code}:${name}`);
  return [title, ...lines, `errors ${codes.join(' ')}`.trimEnd(), ''].join('\n');
}

/**
 * The first 8 bytes of the SHA-256 of {@link tableText}.
 *
 * @param sha256 this folder uses no platform's API
 */
export function tableHash(text: string, sha256: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const ascii = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return sha256(ascii).slice(0, SCHEMA_HASH_BYTES);
}

/** The table of a group in words, which its hash is taken of. */
export function groupText(group: MessageGroup): string {
  return tableText(`mmfree ${group.name}`, group);
}
