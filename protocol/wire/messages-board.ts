/** Messages about the board itself: who it is, how it is, what it refuses. docs/PROTOCOL.md, sections 3, 4 and 7. */

import {
  asciiText,
  boolean,
  byteString,
  counter,
  map,
  names,
  nameText,
  oneOf,
  optional,
  unsigned,
  within,
} from '../cbor-map.js';
import type { MapValue } from '../cbor-map.js';
import { MAX_WINDOW } from './frame.js';
import { constant, u16, u32, u8 } from './layout.js';
import { fixedMessage, mapMessage } from './message.js';
import { CAPABILITY, SCHEMA_HASH_BYTES } from './message-group.js';
import { PROTOCOL_VERSION } from './opening.js';

const SECTOR_BYTES = 4096;

const MAX_CAPABILITIES = 16;

const SIZES = {
  vocabSize: unsigned(),
  hiddenSize: unsigned(),
  intermediateSize: unsigned(),
  layers: unsigned(),
};

/**
 * The first message of a session, from the board. Hosts from before `GET_HELLO` refuse one with further keys, so a
 * board opens a session with exactly these.
 */
export const HELLO = mapMessage(0x80, 'HELLO', {
  protocol: within(PROTOCOL_VERSION, PROTOCOL_VERSION),
  /** Of the board's table of messages. */
  schema: byteString(SCHEMA_HASH_BYTES),
  /** Kind of board, such as `virtual`. */
  board: asciiText(),
  serial: asciiText(),
  firmware: asciiText(),
  /** Another one with every start of the board. */
  bootNonce: unsigned(),
  /** Largest model and requests. */
  limits: map({ ...SIZES, imageBytes: unsigned(), promptTokens: unsigned(), window: within(1, MAX_WINDOW) }),
  /** The only Ed25519 key whose images the board takes; absent if it takes any. */
  signer: optional(byteString(32)),
  /** Images of a lower revision are refused. */
  minimumRevision: unsigned(),
  /** Erase unit of the flash. */
  sectorBytes: within(SECTOR_BYTES, 0xffff_ffff, SECTOR_BYTES),
  slots: within(1, 2),
  /** Absent without a bootable image. */
  image: optional(
    map({
      name: nameText(),
      /** From its seal. */
      sha256: byteString(32),
      revision: unsigned(),
      /** False until the host has seen it compute the right tokens. */
      confirmed: boolean(),
      ...SIZES,
      bosTokenId: unsigned(),
      eosTokenId: unsigned(),
    }),
  ),
});

/**
 * Asks for a HELLO with the optional keys; also during a run. Outside all tables: a board without it answers `ERROR` 1.
 */
export const GET_HELLO = fixedMessage(0x02, 'GET_HELLO', {});

/** The answer to `GET_HELLO`. */
export const FULL_HELLO = mapMessage(HELLO.type, HELLO.name, {
  ...HELLO.schema,
  /** Names of the groups of messages that the board knows beyond the base table; absent: none. */
  capabilities: optional(names('capability', CAPABILITY, MAX_CAPABILITIES)),
});

export type Hello = MapValue<typeof FULL_HELLO.schema>;

/**
 * The first message of a board that wants something of its host before it serves it: it knows the requests of one group
 * only, whose hash is its `schema`, and says no more of itself. To hosts from before groups it speaks another protocol.
 */
export const GATE_HELLO = mapMessage(HELLO.type, HELLO.name, {
  protocol: HELLO.schema.protocol,
  schema: HELLO.schema.schema,
  board: HELLO.schema.board,
  capabilities: names('capability', CAPABILITY, MAX_CAPABILITIES),
});

export type GateHello = MapValue<typeof GATE_HELLO.schema>;

/** Asks for `INFO`; also during a run. */
export const GET_INFO = fixedMessage(0x01, 'GET_INFO', {});

/** How the board is: counts since it started. */
export const INFO = mapMessage(0x82, 'INFO', {
  uptimeMs: counter(),
  /** Tokens computed. */
  steps: counter(),
  state: oneOf('idle', 'running', 'waiting', 'flashing'),
  /** The run that is going on, or the last one. */
  run: optional(map({ run: unsigned(), nextIndex: unsigned() })),
  link: map({
    framesIn: counter(),
    framesOut: counter(),
    bytesIn: counter(),
    bytesOut: counter(),
    badFrames: counter(),
    repeats: counter(),
  }),
});

export type BoardInfo = MapValue<typeof INFO.schema>;

/** A request that the board refuses. */
export const ERROR = fixedMessage(0x81, 'ERROR', {
  /** One of {@link BOARD_ERRORS}. */
  code: u16(),
  /** Type of the request. */
  request: u8(),
  zero: constant(1),
  /** What they mean depends on the code; 0 if nothing. */
  factA: u32(),
  factB: u32(),
});

/** Codes of `ERROR`, with their facts. */
export const BOARD_ERRORS = {
  unknownRequest: 1,
  /** Length of the payload. */
  malformedPayload: 2,
  /** The run, or 0xffffffff for a flash. */
  busy: 3,
  noImage: 4,
  /** Token, V. */
  unknownToken: 5,
  notAnImage: 10,
  /** Bytes of the image, bytes of the slot. */
  imageTooLarge: 11,
  /** 1 V, 2 H, 3 I or 4 L; the board's limit. */
  modelTooLarge: 12,
  /** Revision, minimum. */
  revisionTooOld: 13,
  notSigned: 14,
  signatureWrong: 15,
  /** Offset. */
  writeOutOfOrder: 16,
  imageDamaged: 17,
  /** Offset. */
  flashFailed: 18,
} as const;
