/**
 * The table of all messages, and the hash by which two peers know that theirs are the same.
 * docs/PROTOCOL.md, sections 3 and 4.
 */

import { decodeCbor } from '../cbor.js';
import { CborError } from '../cbor-scan.js';
import { sameBytes } from '../little-endian.js';
import { decodeMapMessage } from './message.js';
import type { FixedMessage, MapMessage } from './message.js';
import { tableHash, tableText } from './message-group.js';
import { BOARD_ERRORS, ERROR, FULL_HELLO, GATE_HELLO, GET_INFO, HELLO, INFO } from './messages-board.js';
import type { GateHello, Hello } from './messages-board.js';
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

/** All messages of the base table, by type. */
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

/** The table in words. It never changes: what is new comes in groups (message-group.ts). */
export function schemaText(): string {
  return tableText(`mmfree protocol ${PROTOCOL_VERSION}`, { messages: MESSAGES, errors: BOARD_ERRORS });
}

/** The hash of {@link schemaText}. */
export function schemaHash(sha256: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  return tableHash(schemaText(), sha256);
}

/** What a host makes of a HELLO. */
export type HelloResult =
  | { readonly kind: 'hello'; readonly hello: Hello }
  /** The board speaks the messages of one group only, whose hash is `schema`, until that lets it serve. */
  | { readonly kind: 'gate'; readonly gate: GateHello }
  /** The board speaks another version, or means other things by the messages. */
  | { readonly kind: 'other-protocol'; readonly protocol: number }
  /** `problem` is a clause. */
  | { readonly kind: 'malformed'; readonly problem: string };

/** With as many unknown keys as a board to come may have. */
const MAX_HELLO_BYTES = 2048;

/**
 * Reads a HELLO with all its optional keys. Keys that this version does not know are ignored.
 *
 * @param schema the reader's own {@link schemaHash}
 */
export function decodeHello(payload: Uint8Array, schema: Uint8Array): HelloResult {
  if (payload.length > MAX_HELLO_BYTES) return { kind: 'malformed', problem: `it is longer than ${MAX_HELLO_BYTES}` };
  const protocol = foreignProtocol(payload, schema);
  if (protocol !== undefined) {
    const gate = decodeMapMessage(GATE_HELLO, payload, 'ignored');
    return 'problem' in gate ? { kind: 'other-protocol', protocol } : { kind: 'gate', gate: gate.value };
  }
  const result = decodeMapMessage(FULL_HELLO, payload, 'ignored');
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
