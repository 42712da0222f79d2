/**
 * What firmware in C must know of images and of the wire, as a header: `docs/firmware/mmfree.h`.
 *
 * Everything comes from the tables that this program works by. Orders are lists of the form X(…), which the firmware
 * expands as it likes.
 */
import { hexOf } from '../hex.js';
import { BOOT_RECORD_BYTES, BOOT_RECORD_FIELDS, PROGRAM_WORDS, SHAPE_FIELDS } from '../image/boot-record.js';
import { BOOT_RECORD_OFFSET, MANIFEST_OFFSET, MAX_MANIFEST_BYTES, SECTION_ALIGNMENT } from '../image/image-layout.js';
import { CONSTANTS, MODEL_LIMITS, SECTION_NAMES, TRITS_PER_BYTE } from '../image/model-shape.js';
import { tablesSection } from '../image/tables.js';
import { HEAD_BLOCK, LAYER_BLOCK, SCALE, type Block, type Dimension } from '../image/tensors.js';
import { MAX_CANDIDATES, MAX_INV_TEMPERATURE, MAX_TOP_P } from '../sampling.js';
import { FRAME_KINDS, MAX_ENCODED_BYTES, MAX_PAYLOAD_BYTES, MAX_WINDOW } from '../wire/frame.js';
import { groupText, tableHash } from '../wire/message-group.js';
import { GROUPS } from '../wire/groups/message-groups.js';
import { BOARD_ERRORS } from '../wire/messages-board.js';
import { MESSAGES, schemaHash } from '../wire/messages.js';
import { END_REASON, MAX_RUN_TOKENS } from '../wire/messages-run.js';
import { PROTOCOL_VERSION } from '../wire/opening.js';

/** Sizes as they stand in the lists. */
const C_SIZES: Readonly<Record<Dimension, string>> = {
  H: 'HIDDEN',
  I: 'INTERMEDIATE',
  '2I': '2 * (INTERMEDIATE)',
  V: 'VOCAB',
};

type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** @param sha256 this folder uses no platform's API */
export function cHeader(sha256: Sha256): string {
  return `/* Made by scripts/headers.mjs from the tables of the program: change them, not this file. */
#ifndef MMFREE_H
#define MMFREE_H

/* The image: docs/IMAGE.md. Offsets from its start; those of the fields from the start of the boot record. */
${defines('BOOT_RECORD', { offset: BOOT_RECORD_OFFSET, bytes: BOOT_RECORD_BYTES })}
${defines('AT', bootRecordFields())}
${defines('', { manifestOffset: MANIFEST_OFFSET, maxManifestBytes: MAX_MANIFEST_BYTES, sectionAlignment: SECTION_ALIGNMENT })}
${defines('', { programWords: PROGRAM_WORDS, tritsPerByte: TRITS_PER_BYTE, blockConstants: CONSTANTS })}

/* SHA-256 of the section tables, which is the same in every image. */
${byteList('TABLES_SHA256', sha256(tablesSection()))}

/* Largest sizes that the arithmetic is proven for: docs/ARITHMETIC.md, section 2. */
${defines('MAX', { vocabSize: MODEL_LIMITS.vocabSize, hiddenSize: MODEL_LIMITS.hiddenSize, intermediateSize: MODEL_LIMITS.intermediateSize, layers: MODEL_LIMITS.layers })}

/*
 * The tensors, in the order of the file: docs/IMAGE.md, section 4. HIDDEN, INTERMEDIATE and VOCAB are the sizes of
 * the model, which the firmware defines.
 *
 * Section vectors: the block of the head, then one for each layer: MMFREE_BLOCK_CONSTANTS int16, then the vectors.
 * Section ternary: the matrices of each layer, then that of the head.
 *
 * CONSTANTS X(name, slot, first, last)          an int16 of the block, and what it may be
 * VECTORS   X(name, columns, first, last)       int16 each, and what they may be
 * MATRICES  X(name, rows, columns, gain, slot)  the vector that is its gain; slot of the scale's mantissa, the
 * exponent's is the next
 */
${defines(
  '',
  Object.fromEntries(
    SCALE.flatMap(({ name, first, last }) => [
      [`${name}First`, first],
      [`${name}Last`, last],
    ]),
  ),
)}
${blockLists('HEAD', HEAD_BLOCK)}
${blockLists('LAYER', LAYER_BLOCK)}

/* The wire: docs/PROTOCOL.md. */
${defines('', { protocolVersion: PROTOCOL_VERSION, maxPayloadBytes: MAX_PAYLOAD_BYTES, maxEncodedBytes: MAX_ENCODED_BYTES, maxWindow: MAX_WINDOW })}
${defines('FRAME', Object.fromEntries(FRAME_KINDS.map((kind, index) => [kind, index])))}

/* Hash of the table of messages, and those of the groups by which a board calls itself capable of more. */
${byteList('SCHEMA', schemaHash(sha256))}
${GROUPS.map(({ name }) => `#define MMFREE_CAPABILITY_${constantCase(name)} "${name}"`).join('\n')}
${GROUPS.map((group) => byteList(`SCHEMA_${group.name}`, tableHash(groupText(group), sha256))).join('\n')}

/* Types of messages. */
${[MESSAGES, ...GROUPS.map(({ messages }) => messages)].map(messageTypes).join('\n')}

/* Codes of ERROR. */
${defines('ERROR', { ...BOARD_ERRORS, ...errorsOfGroups() })}

/* Runs: why one ended, and its limits. Temperature as log2(e)/T in Q10 (0 is greedy), mass of probability in Q15. */
${defines('END', END_REASON)}
${defines('', { maxRunTokens: MAX_RUN_TOKENS, maxCandidates: MAX_CANDIDATES, maxInverseTemperature: MAX_INV_TEMPERATURE, maxTopP: MAX_TOP_P })}

#endif
`;
}

function errorsOfGroups(): Record<string, number> {
  return Object.fromEntries(GROUPS.flatMap(({ errors = {} }) => Object.entries(errors)));
}

/** Offsets of the fields of the boot record: those of the shape and of the sections one by one. */
function bootRecordFields(): Record<string, number> {
  const { shape, sections, ...fields } = BOOT_RECORD_FIELDS;
  const sizes = SHAPE_FIELDS.map((field, index) => [field, shape + 4 * index]);
  const places = SECTION_NAMES.flatMap((name, index) => [
    [`${name}Offset`, sections + 8 * index],
    [`${name}Length`, sections + 8 * index + 4],
  ]);
  const all = { ...fields, ...Object.fromEntries([...sizes, ...places]) } as Record<string, number>;
  return Object.fromEntries(Object.entries(all).toSorted(([, a], [, b]) => a - b));
}

function blockLists(prefix: string, { constants, vectors, matrices }: Block): string {
  const list = (name: string, rows: readonly (readonly (string | number)[])[]): string => {
    const items = rows.map((row) => `  X(${row.join(', ')})`);
    return `#define MMFREE_${prefix}_${name}(X) \\\n${items.join(' \\\n')}`;
  };
  return [
    list(
      'CONSTANTS',
      constants.map(({ name, slot, first, last }) => [constantCase(name), slot, first, last]),
    ),
    list(
      'VECTORS',
      vectors.map(({ name, columns, first, last }) => [constantCase(name), C_SIZES[columns], first, last]),
    ),
    list(
      'MATRICES',
      matrices.map(({ name, rows, columns, gain, scale }) => {
        return [constantCase(name), C_SIZES[rows], C_SIZES[columns], constantCase(gain), scale];
      }),
    ),
  ].join('\n');
}

function messageTypes(messages: readonly { readonly type: number; readonly name: string }[]): string {
  return messages.map(({ type, name }) => `#define MMFREE_MESSAGE_${name} 0x${type.toString(16)}`).join('\n');
}

/** @param prefix '' for none */
function defines(prefix: string, values: Readonly<Record<string, number>>): string {
  const head = prefix === '' ? 'MMFREE' : `MMFREE_${prefix}`;
  return Object.entries(values)
    .map(([name, value]) => `#define ${head}_${constantCase(name)} ${value < 0 ? `(${value})` : value}`)
    .join('\n');
}

/** An initialiser. */
function byteList(name: string, bytes: Uint8Array): string {
  const items = Array.from(bytes, (byte) => `0x${hexOf(Uint8Array.of(byte))}`);
  return `#define MMFREE_${constantCase(name)} {${items.join(', ')}}`;
}

/** `maxTopP`, `syn-ack` and `state.1` as `MAX_TOP_P`, `SYN_ACK` and `STATE_1`. */
function constantCase(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]/g, '_')
    .toUpperCase();
}
