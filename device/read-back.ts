/** What a board's flash holds, read over the session. docs/PROTOCOL.md, section 6. */

import { WEB_CRYPTO } from '../model/web-crypto.js';
import { memorySource } from '../protocol/byte-source.js';
import { CborError, scanCborItem } from '../protocol/cbor-scan.js';
import { ImageError } from '../protocol/image/image-error.js';
import { MAX_MANIFEST_BYTES } from '../protocol/image/image-layout.js';
import { decodeImagePrefix, IMAGE_PREFIX_BYTES } from '../protocol/image/image-prefix.js';
import type { ChatTemplate } from '../protocol/image/chat-template.js';
import { decodeManifest } from '../protocol/image/manifest.js';
import type { ModelShape } from '../protocol/image/model-shape.js';
import { sameBytes } from '../protocol/little-endian.js';
import { FLASH_DATA, FLASH_READ } from '../protocol/wire/messages-flash.js';
import { boardMalformed } from './board-error.js';
import type { BoardSession } from './session.js';

/** Of one answer: acknowledgements wait behind it, and a line of 1,000 bytes/s takes 2 s for it. */
const ANSWER_BYTES = 2000;

/** What is asked for at a time, in as many requests as it takes. */
export const READ_AHEAD_BYTES = 16 * ANSWER_BYTES;

const MAX_TOKENIZER_BYTES = 64 * 2 ** 20;

/** Bytes of the running image. @throws BoardError */
export async function readBack(session: BoardSession, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const read = async (at: number): Promise<void> => {
    const count = Math.min(ANSWER_BYTES, length - at);
    const answer = await session.request(FLASH_READ, { offset: offset + at, length: count }, FLASH_DATA);
    if (answer.offset !== offset + at || answer.data.length !== count) {
      throw boardMalformed(session.name, 'it reads back other bytes than asked for');
    }
    bytes.set(answer.data, at);
  };
  for (let start = 0; start < length; start += READ_AHEAD_BYTES) {
    const offsets: number[] = [];
    for (let at = start; at < Math.min(length, start + READ_AHEAD_BYTES); at += ANSWER_BYTES) offsets.push(at);
    await Promise.all(offsets.map(read));
  }
  return bytes;
}

/** What the text of a run needs of the image, beside what HELLO says. */
export interface TextParts extends Pick<ModelShape, 'eosTokenIds'> {
  /** Of the right hash; empty if the image has none. */
  readonly tokenizerJson: Uint8Array;
  /** How conversations are written, if the image says so. */
  readonly chat: ChatTemplate | undefined;
}

/** Reads them back from the board. @throws BoardError */
export async function readTextParts(session: BoardSession): Promise<TextParts> {
  try {
    const { sections } = decodeImagePrefix(await readBack(session, 0, IMAGE_PREFIX_BYTES));
    const { offset, length } = sections.tokenizer;
    const headLength = sections.tables.offset - IMAGE_PREFIX_BYTES;
    // By the word of a board: what it may make us hold has a limit.
    if (headLength > 2 * MAX_MANIFEST_BYTES || headLength < 0 || length > MAX_TOKENIZER_BYTES) {
      throw boardMalformed(session.name, 'the sections of its image are too large');
    }
    const head = await readBack(session, IMAGE_PREFIX_BYTES, headLength);
    const manifest = decodeManifest(head.slice(0, scanCborItem(memorySource(head), 0)));
    const tokenizerJson = await readBack(session, offset, length);
    const hash = await WEB_CRYPTO.sha256(memorySource(tokenizerJson), 0, length);
    const { chat } = manifest;
    const { eosTokenIds } = manifest.model;
    if (sameBytes(hash, manifest.sectionSha256.tokenizer)) {
      return { tokenizerJson, chat, ...(eosTokenIds && { eosTokenIds }) };
    }
    throw boardMalformed(session.name, 'the tokenizer of its image has another hash than the image gives');
  } catch (error) {
    if (!(error instanceof ImageError || error instanceof CborError)) throw error;
    throw boardMalformed(session.name, `its image cannot be read: ${error.message}`);
  }
}
