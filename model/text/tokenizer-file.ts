/**
 * `tokenizer.json` of a Hugging Face checkpoint, untrusted → what encoding and decoding need, checked against the
 * model.
 *
 * Two demands make sure that no text is ever dropped or becomes an unknown token: every merge makes a token of the
 * vocabulary, and the vocabulary can spell every byte. Post-processing, truncation and padding are left out: the caller
 * adds special tokens itself. What is read is computed as the Rust library `tokenizers` computes it
 * (docs/TOKENIZERS.md).
 */

import { startsWithSpace, type AddedToken } from './added-tokens.js';
import { MAX_MERGES, type Merge } from './bpe.js';
import { CHARACTER_OF_BYTE, byteLevelBytes, byteLevelText } from './byte-level.js';
import { LossyByteRun, StrictByteRun } from './byte-run.js';
import { normalize, type EncoderTables } from './encoder.js';
import { isJsonObject, parseJsonObject } from '../json-object.js';
import { endTokens } from '../../protocol/image/end-tokens.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { TokenTexts } from './text-stream.js';
import {
  malformedTokenizer,
  renumberedToken,
  tokenizerDoesNotFit,
  tokenizerMissing,
  tokenizerNotJson,
  tokenizerTooLarge,
  unsupportedTokenizer,
} from './tokenizer-error.js';
import { boolean, checkDecoder, checkNormalizer, checkPreTokenizer } from './tokenizer-steps.js';
import type { Decoding, JsonFields } from './tokenizer-steps.js';
import type { Words } from './words.js';

/** The part of the model's shape that a tokenizer must fit. */
export type TokenIds = Pick<ModelShape, 'vocabSize' | 'bosTokenId' | 'eosTokenId' | 'eosTokenIds'>;

/** A checked tokenizer. */
export interface TokenizerFile {
  readonly tables: EncoderTables;
  readonly texts: TokenTexts;
  /** Added tokens that the model has no row for, so that they can never occur: they are text like any other. */
  readonly dropped: readonly string[];
}

/** Both ways. */
interface Vocabulary {
  /** Without the added tokens that are not in it. */
  readonly idOf: Map<string, number>;
  /** [V], undefined for ids without a token. */
  readonly tokens: (string | undefined)[];
}

/** Real files for 65,536 tokens stay under 8 MiB; the worst JSON of 16 MiB takes 4 s to refuse. */
export const MAX_TOKENIZER_BYTES = 16 << 20;
/** Each place of a text is compared with tokens of every length that there is. */
const MAX_ADDED_TOKEN_LENGTH = 256;
/** As Rust reads hexadecimal numbers: with a sign, too. */
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2}|\+[0-9A-Fa-f])>$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** @throws TokenizerError */
export function readTokenizerFile(json: Uint8Array, ids: TokenIds): TokenizerFile {
  const file = parse(json);
  const model = file['model'];
  if (!isJsonObject(model)) throw malformedTokenizer('model', 'an object');
  checkModelOptions(model);

  const decoding = checkDecoder(file['decoder']);
  const words = checkPreTokenizer(file['pre_tokenizer']);
  checkStyle(decoding, words, model);

  const normalizer = checkNormalizer(file['normalizer']);
  const vocab = checkVocab(model['vocab'], ids.vocabSize);
  const { addedTokens, dropped } = checkAddedTokens(file['added_tokens'], vocab);
  checkStripping(addedTokens, (content) => normalize(content, normalizer));
  const byteIds = checkEveryByteIsSpelt(decoding, vocab.idOf);
  checkSpecialTokens(ids, vocab);

  const ignoresMerges = boolean('model.ignore_merges', model['ignore_merges'], false);
  const tables: EncoderTables = {
    vocabSize: ids.vocabSize,
    idOf: vocab.idOf,
    byteIds,
    merges: checkMerges(model['merges'], vocab.idOf),
    normalizer,
    words,
    addedTokens,
    spellWord: ignoresMerges ? (decoding.style === 'byte-level' ? byteLevelText : (word) => word) : undefined,
  };
  return { tables, texts: tokenTexts(decoding, vocab, addedTokens, ids), dropped };
}

function parse(json: Uint8Array): JsonFields {
  if (json.length === 0) throw tokenizerMissing();
  if (json.length > MAX_TOKENIZER_BYTES) throw tokenizerTooLarge(json.length, MAX_TOKENIZER_BYTES);
  try {
    return parseJsonObject(json);
  } catch (error) {
    throw tokenizerNotJson(error);
  }
}

function checkModelOptions(model: JsonFields): void {
  if (model['type'] !== 'BPE') throw unsupportedTokenizer('model.type', model['type'], 'BPE');
  // 0 and the empty string are spelt out by some exporters and mean the same as null.
  for (const key of ['dropout', 'continuing_subword_prefix', 'end_of_word_suffix']) {
    const value = model[key];
    if (value === undefined || value === null || value === 0 || value === '') continue;
    throw unsupportedTokenizer(`model.${key}`, value, 'null');
  }
}

/** Encoding and decoding must be of the same family. */
function checkStyle(decoding: Decoding, words: Words, model: JsonFields): void {
  const isByteLevel = decoding.style === 'byte-level';
  const fallsBack = boolean('model.byte_fallback', model['byte_fallback'], false);
  if ((words.style === 'byte-level') !== isByteLevel) {
    const found = { 'byte-level': 'ByteLevel', metaspace: 'Metaspace', whole: 'null' }[words.style];
    throw unsupportedTokenizer('pre_tokenizer', found, 'ByteLevel together with its decoder');
  }
  if (fallsBack === isByteLevel) {
    throw unsupportedTokenizer('model.byte_fallback', fallsBack, `${!isByteLevel} with the decoder of this tokenizer`);
  }
}

/** `model.vocab`. */
function checkVocab(value: unknown, vocabSize: number): Vocabulary {
  if (!isJsonObject(value)) throw malformedTokenizer('model.vocab', 'an object of tokens and their ids');
  const idOf = new Map<string, number>();
  const tokens = Array.from<string | undefined>({ length: vocabSize });
  for (const token of Object.keys(value)) {
    if (LONE_SURROGATE.test(token)) throw malformedTokenizer('model.vocab', 'without halves of characters');
    const id = tokenId('model.vocab', value[token], vocabSize);
    if (tokens[id] !== undefined) throw tokenizerDoesNotFit(`Two tokens have the id ${id}`);
    tokens[id] = token;
    idOf.set(token, id);
  }
  return { idOf, tokens };
}

/** Checks `added_tokens` and adds them to `tokens`. */
function checkAddedTokens(
  value: unknown,
  { idOf, tokens }: Vocabulary,
): { addedTokens: AddedToken[]; dropped: string[] } {
  const where = 'added_tokens';
  const vocabSize = tokens.length;
  const addedTokens: AddedToken[] = [];
  const dropped: string[] = [];
  if (value === undefined) return { addedTokens, dropped };
  if (!Array.isArray(value) || value.length > vocabSize) throw malformedTokenizer(where, 'a list of tokens');
  const contents = new Set<string>();
  let nextId = idOf.size;
  for (const entry of value as readonly unknown[]) {
    const token = checkAddedToken(entry);
    const { id, content } = token;
    if (contents.has(content)) throw malformedTokenizer(where, 'a list of different tokens');
    contents.add(content);
    const inVocabulary = idOf.get(content);
    if (inVocabulary !== undefined && inVocabulary !== id) {
      throw tokenizerDoesNotFit(`The token of id ${id} has another id, too`);
    }
    if (inVocabulary === undefined && tokens[id] !== undefined) {
      throw tokenizerDoesNotFit(`Two tokens have the id ${id}`);
    }
    // The Rust library does not look at the ids: it counts on from the vocabulary, or from the last added token.
    if (inVocabulary === undefined && id !== nextId) throw renumberedToken(content, id, nextId);
    nextId = Math.max(nextId, id + 1);
    if (id < vocabSize) {
      addedTokens.push(token);
      tokens[id] = content;
    } else {
      dropped.push(content);
    }
  }
  return { addedTokens, dropped };
}

function checkAddedToken(entry: unknown): AddedToken {
  const where = 'added_tokens';
  if (!isJsonObject(entry)) throw malformedTokenizer(where, 'a list of objects');
  const { content } = entry;
  if (typeof content !== 'string' || content === '' || content.length > MAX_ADDED_TOKEN_LENGTH) {
    throw malformedTokenizer(`${where}.content`, `a text of 1 to ${MAX_ADDED_TOKEN_LENGTH} characters`);
  }
  if (LONE_SURROGATE.test(content)) throw malformedTokenizer(`${where}.content`, 'without halves of characters');
  if (boolean(`${where}.single_word`, entry['single_word'], false)) {
    throw unsupportedTokenizer(`${where}.single_word`, true, 'false');
  }
  const special = boolean(`${where}.special`, entry['special'], false);
  return {
    id: naturalNumber(where, entry['id']),
    content,
    special,
    lstrip: boolean(`${where}.lstrip`, entry['lstrip'], false),
    rstrip: boolean(`${where}.rstrip`, entry['rstrip'], false),
    normalized: boolean(`${where}.normalized`, entry['normalized'], !special),
  };
}

/** White space that a token takes along must not be the beginning of another. */
function checkStripping(addedTokens: readonly AddedToken[], spelling: (content: string) => string): void {
  if (!addedTokens.some(({ rstrip }) => rstrip)) return;
  const beginsBlank = ({ content }: AddedToken): boolean =>
    startsWithSpace(content) || startsWithSpace(spelling(content));
  if (!addedTokens.some((token) => beginsBlank(token))) return;
  throw unsupportedTokenizer('added_tokens.rstrip', true, 'false where an added token begins with white space');
}

function naturalNumber(where: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformedTokenizer(where, 'made of ids that are natural numbers');
}

function tokenId(where: string, value: unknown, vocabSize: number): number {
  const id = naturalNumber(where, value);
  if (id >= vocabSize)
    throw tokenizerDoesNotFit(`It has a token with the id ${id}, and the model has ${vocabSize} tokens`);
  return id;
}

/** `model.merges`, as `"a b"` or `["a", "b"]`. */
function checkMerges(value: unknown, idOf: ReadonlyMap<string, number>): Merge[] {
  const where = 'model.merges';
  if (!Array.isArray(value) || value.length > MAX_MERGES) throw malformedTokenizer(where, 'a list of pairs');
  return value.map((merge: unknown) => {
    const parts: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(parts) || parts.length !== 2) throw malformedTokenizer(where, 'a list of pairs');
    const [first, second] = parts as readonly unknown[];
    if (typeof first !== 'string' || typeof second !== 'string') throw malformedTokenizer(where, 'pairs of strings');
    const [left, right, joined] = [idOf.get(first), idOf.get(second), idOf.get(first + second)];
    if (left === undefined || right === undefined || joined === undefined) {
      throw malformedTokenizer(where, 'made of tokens of the vocabulary and result in one');
    }
    return { left, right, joined };
  });
}

/** The token of each byte. */
function checkEveryByteIsSpelt(decoding: Decoding, idOf: ReadonlyMap<string, number>): number[] {
  const spelling = decoding.style === 'byte-level' ? (byte: number) => CHARACTER_OF_BYTE[byte] : byteToken;
  const ids = Array.from({ length: 256 }, (_, byte) => idOf.get(spelling(byte)));
  const spelt = ids.filter((id) => id !== undefined);
  if (spelt.length === ids.length) return spelt;
  throw tokenizerDoesNotFit(`It cannot spell every text: ${256 - spelt.length} of the 256 bytes have no token`);
}

function checkSpecialTokens(ids: TokenIds, { tokens }: Vocabulary): void {
  for (const [name, id] of Object.entries({ 'beginning-of-text': ids.bosTokenId, 'end-of-text': ids.eosTokenId })) {
    if (tokens[id] === undefined) throw tokenizerDoesNotFit(`The model's ${name} token ${id} is not among its tokens`);
  }
}

function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

function tokenTexts(
  decoding: Decoding,
  { tokens }: Vocabulary,
  addedTokens: readonly AddedToken[],
  ids: TokenIds,
): TokenTexts {
  const silent = new Set([ids.bosTokenId, ...endTokens(ids)]);
  for (const { id, special } of addedTokens) if (special) silent.add(id);
  const pieceOf = (id: number, isFirst: boolean): string | Uint8Array | undefined => {
    const token = tokens[id];
    return token === undefined || silent.has(id) ? undefined : piece(token, decoding, isFirst);
  };
  const { vocabSize } = ids;
  return decoding.style === 'byte-level'
    ? { vocabSize, pieceOf, byteRun: () => new LossyByteRun(), strip: { character: '', count: 0 } }
    : { vocabSize, pieceOf, byteRun: () => new StrictByteRun(), strip: decoding.strip };
}

function piece(token: string, decoding: Decoding, isFirst: boolean): string | Uint8Array {
  // Tokens with other characters than the byte alphabet's are text as it stands, also those that were added.
  if (decoding.style === 'byte-level') return byteLevelBytes(token) ?? token;
  const text = decoding.replacements.reduce(
    (before, { from, to, toInFirst }) => before.replaceAll(from, () => (isFirst ? toInFirst : to)),
    token,
  );
  const hex = BYTE_TOKEN.exec(text)?.[1];
  return hex === undefined ? text : Uint8Array.of(Number.parseInt(hex, 16));
}
