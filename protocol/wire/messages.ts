/**
 * The table of all messages, and the hash by which two peers know that theirs are the same.
 * docs/PROTOCOL.md, sections 3 and 4.
 */

import { decodeCbor } from '../cbor.js';
import { mapText } from '../cbor-map.js';
import { CborError } from '../cbor-scan.js';
import { layoutText } from './layout.js';
import { sameBytes } from '../little-endian.js';
import { decodeMapMessage } from './message.js';
import type { FixedMessage, MapMessage } from './message.js';
import { BOARD_ERRORS, ERROR, GET_INFO, HELLO, INFO, SCHEMA_HASH_BYTES } from './messages-board.js';
import type { Hello } from './messages-board.js';
import {
  CONFIRM,
  FLASH_BEGIN,
  FLASH_COMPARE,
  FLASH_DATA,
  FLASH_END,
  FLASH_ENDED,
  FLASH_READ,
  FLASH_READY,
  FLASH_SUMS,
  FLASH_WRITE,
  REVERT,
} from './messages-flash.js';
import { CANCEL, DONE, ENDED, RESET, RESUME, RUN, STEP, STEPPED, TOKEN } from './messages-run.js';
import { PROTOCOL_VERSION } from './opening.js';

/** All messages, by type. */
export const MESSAGES: readonly (FixedMessage | MapMessage)[] = [
  GET_INFO,
  RESET,
  STEP,
  RUN,
  CANCEL,
  RESUME,
  FLASH_BEGIN,
  FLASH_COMPARE,
  FLASH_WRITE,
  FLASH_END,
  FLASH_READ,
  CONFIRM,
  REVERT,
  HELLO,
  ERROR,
  INFO,
  DONE,
  STEPPED,
  TOKEN,
  ENDED,
  FLASH_READY,
  FLASH_SUMS,
  FLASH_ENDED,
  FLASH_DATA,
];

/** The table in words: one line for each message, then one for the error codes. ASCII. Names of fields are part of it. */
export function schemaText(): string {
  const lines = MESSAGES.map((message) => {
    const content = 'layout' in message ? layoutText(message.layout) : mapText(message.schema);
    return `${message.type.toString(16).padStart(2, '0')} ${message.name} ${content}`.trimEnd();
  });
  const codes = Object.entries(BOARD_ERRORS).map(([name, code]) => `${code}:${name}`);
  return [`mmfree protocol ${PROTOCOL_VERSION}`, ...lines, `errors ${codes.join(' ')}`, ''].join('\n');
}

/**
 * The first 8 bytes of the SHA-256 of {@link schemaText}.
 *
 * @param sha256 this folder uses no platform's API
 */
export function schemaHash(sha256: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const ascii = Uint8Array.from(schemaText(), (character) => character.charCodeAt(0));
  return sha256(ascii).slice(0, SCHEMA_HASH_BYTES);
}

/** What a host makes of the first message of a board. */
export type HelloResult =
  | { readonly kind: 'hello'; readonly hello: Hello }
  /** The board speaks another version, or means other things by the messages. */
  | { readonly kind: 'other-protocol'; readonly protocol: number }
  /** `problem` is a clause. */
  | { readonly kind: 'malformed'; readonly problem: string };

const MAX_HELLO_BYTES = 1024;

/** @param schema the reader's own {@link schemaHash} */
export function decodeHello(payload: Uint8Array, schema: Uint8Array): HelloResult {
  if (payload.length > MAX_HELLO_BYTES) return { kind: 'malformed', problem: `it is longer than ${MAX_HELLO_BYTES}` };
  const protocol = foreignProtocol(payload, schema);
  if (protocol !== undefined) return { kind: 'other-protocol', protocol };
  const result = decodeMapMessage(HELLO, payload);
  return 'problem' in result ? { kind: 'malformed', ...result } : { kind: 'hello', hello: result.value };
}

/** The version that a map of any schema claims; undefined if it claims this schema, or is no such map. */
function foreignProtocol(payload: Uint8Array, schema: Uint8Array): number | undefined {
  const map = decodedOrUndefined(payload);
  if (!(map instanceof Map)) return undefined;
  const protocol: unknown = map.get('protocol');
  const theirs: unknown = map.get('schema');
  const isSame = theirs instanceof Uint8Array && sameBytes(theirs, schema);
  return typeof protocol === 'number' && !(protocol === PROTOCOL_VERSION && isSame) ? protocol : undefined;
}

function decodedOrUndefined(payload: Uint8Array): unknown {
  try {
    return decodeCbor(payload);
  } catch (error) {
    if (error instanceof CborError) return undefined;
    throw error;
  }
}
