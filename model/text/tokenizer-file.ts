/**
 * `tokenizer.json` of a Hugging Face checkpoint, untrusted → what encoding and decoding need, checked against the model.
 *
 * The library gets a definition made of checked values only. Two demands keep it off its silent ways out: every merge
 * makes a token of the vocabulary, and the vocabulary can spell every byte, so that no text is ever dropped or becomes
 * an unknown token. Post-processing, truncation and padding are left out: the caller adds special tokens itself.
 */

import { BYTE_OF_CHARACTER, byteLevelBytes } from './byte-level.js';
import { isJsonObject, parseJsonObject } from '../checkpoint/json-object.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { TokenTexts } from './text-stream.js';
import {
  malformedTokenizer,
  tokenizerDoesNotFit,
  tokenizerMissing,
  tokenizerNotJson,
  tokenizerTooLarge,
  unsupportedTokenizer,
} from './tokenizer-error.js';
import { boolean, checkDecoder, checkNormalizer, checkPreTokenizer } from './tokenizer-steps.js';
import type { Decoding, JsonFields } from './tokenizer-steps.js';

/** The part of the model's shape that a tokenizer must fit. */
export type TokenIds = Pick<ModelShape, 'vocabSize' | 'bosTokenId' | 'eosTokenId'>;

/** A checked tokenizer. */
export interface TokenizerFile {
  /** For the constructor of the library's `Tokenizer`. */
  readonly definition: JsonFields;
  readonly texts: TokenTexts;
}

/** Both ways. */
interface Vocabulary {
  readonly idOf: Map<string, number>;
  /** [V], undefined for ids without a token. */
  readonly tokens: (string | undefined)[];
}

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
}

/** Real files for 65,536 tokens stay under 8 MiB; the worst JSON of 16 MiB takes 4 s to refuse. */
const MAX_TOKENIZER_BYTES = 16 << 20;
/** The library builds a tree with a node for each character of these. */
const MAX_ADDED_TOKEN_LENGTH = 256;
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;

/** @throws TokenizerError */
export function readTokenizerFile(json: Uint8Array, ids: TokenIds): TokenizerFile {
  const file = parse(json);
  const model = file['model'];
  if (!isJsonObject(model)) throw malformedTokenizer('model', 'an object');
  checkModelOptions(model);

  const decoding = checkDecoder(file['decoder']);
  const preTokenizer = checkPreTokenizer(file['pre_tokenizer']);
  checkStyle(decoding, preTokenizer, model);

  const vocab = checkVocab(model['vocab'], ids.vocabSize);
  const addedTokens = checkAddedTokens(file['added_tokens'], vocab);
  checkEveryByteIsSpelt(decoding, vocab.idOf);
  checkSpecialTokens(ids, vocab);

  const definition = {
    normalizer: checkNormalizer(file['normalizer']),
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder: null,
    added_tokens: addedTokens,
    model: {
      type: 'BPE',
      vocab: model['vocab'],
      merges: checkMerges(model['merges'], vocab.idOf),
      byte_fallback: decoding.style === 'byte-fallback',
      ignore_merges: boolean('model.ignore_merges', model['ignore_merges'], false),
    },
  };
  return { definition, texts: tokenTexts(decoding, vocab, addedTokens, ids) };
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
function checkStyle(decoding: Decoding, preTokenizer: JsonFields | null, model: JsonFields): void {
  const isByteLevel = decoding.style === 'byte-level';
  const fallsBack = boolean('model.byte_fallback', model['byte_fallback'], false);
  if ((preTokenizer?.['type'] === 'ByteLevel') !== isByteLevel) {
    throw unsupportedTokenizer(
      'pre_tokenizer',
      preTokenizer?.['type'] ?? 'null',
      'ByteLevel together with its decoder',
    );
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
    const id = tokenId('model.vocab', value[token], vocabSize);
    if (tokens[id] !== undefined) throw tokenizerDoesNotFit(`Two tokens have the id ${id}`);
    tokens[id] = token;
    idOf.set(token, id);
  }
  return { idOf, tokens };
}

/** Checks `added_tokens` and adds them to the vocabulary. */
function checkAddedTokens(value: unknown, { idOf, tokens }: Vocabulary): AddedToken[] {
  const where = 'added_tokens';
  const vocabSize = tokens.length;
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > vocabSize) throw malformedTokenizer(where, 'a list of tokens');
  return value.map((entry: unknown) => {
    if (!isJsonObject(entry)) throw malformedTokenizer(where, 'a list of objects');
    const { content } = entry;
    if (typeof content !== 'string' || content === '' || content.length > MAX_ADDED_TOKEN_LENGTH) {
      throw malformedTokenizer(`${where}.content`, `a text of 1 to ${MAX_ADDED_TOKEN_LENGTH} characters`);
    }
    const id = tokenId(where, entry['id'], vocabSize);
    if ((tokens[id] ?? content) !== content) throw tokenizerDoesNotFit(`Two tokens have the id ${id}`);
    if ((idOf.get(content) ?? id) !== id) throw tokenizerDoesNotFit(`The token of id ${id} has another id, too`);
    tokens[id] = content;
    idOf.set(content, id);
    if (boolean(`${where}.single_word`, entry['single_word'], false)) {
      throw unsupportedTokenizer(`${where}.single_word`, true, 'false');
    }
    const special = boolean(`${where}.special`, entry['special'], false);
    return {
      id,
      content,
      special,
      lstrip: boolean(`${where}.lstrip`, entry['lstrip'], false),
      rstrip: boolean(`${where}.rstrip`, entry['rstrip'], false),
      normalized: boolean(`${where}.normalized`, entry['normalized'], !special),
    };
  });
}

function tokenId(where: string, value: unknown, vocabSize: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw malformedTokenizer(where, 'made of ids that are natural numbers');
  }
  if (value >= vocabSize) throw tokenizerDoesNotFit(`It has the id ${value}, the model has ${vocabSize} tokens`);
  return value;
}

/** `model.merges`, as `"a b"` or `["a", "b"]`, as pairs. */
function checkMerges(value: unknown, vocab: ReadonlyMap<string, number>): [string, string][] {
  const where = 'model.merges';
  if (!Array.isArray(value)) throw malformedTokenizer(where, 'a list of pairs');
  return value.map((merge: unknown) => {
    const parts: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(parts) || parts.length !== 2) throw malformedTokenizer(where, 'a list of pairs');
    const [left, right] = parts as readonly unknown[];
    if (typeof left !== 'string' || typeof right !== 'string') throw malformedTokenizer(where, 'pairs of strings');
    if (!vocab.has(left) || !vocab.has(right) || !vocab.has(left + right)) {
      throw malformedTokenizer(where, 'made of tokens of the vocabulary and result in one');
    }
    return [left, right];
  });
}

function checkEveryByteIsSpelt(decoding: Decoding, vocab: ReadonlyMap<string, number>): void {
  const spellings =
    decoding.style === 'byte-level'
      ? [...BYTE_OF_CHARACTER.keys()]
      : Array.from({ length: 256 }, (_, b) => byteToken(b));
  const missing = spellings.filter((token) => !vocab.has(token));
  if (missing.length === 0) return;
  throw tokenizerDoesNotFit(`It cannot spell every text: ${missing.length} of the 256 bytes have no token`);
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
  const isByteLevel = decoding.style === 'byte-level';
  const silent = new Set([ids.bosTokenId, ids.eosTokenId]);
  for (const { id, special } of addedTokens) if (special) silent.add(id);
  // Byte-level tokens that are added are text as it stands, not characters of the byte alphabet.
  const asItStands = new Set(isByteLevel ? addedTokens.map(({ id }) => id) : []);
  const pieceOf = (id: number): string | Uint8Array => {
    const token = tokens[id];
    if (token === undefined || silent.has(id)) return '';
    return asItStands.has(id) ? token : piece(token, decoding);
  };
  const texts = { vocabSize: ids.vocabSize, pieceOf };
  if (isByteLevel) return { ...texts, trimFirstToken: false, strip: { character: '', count: 0 } };
  return { ...texts, trimFirstToken: decoding.trimFirstToken, strip: decoding.strip };
}

function piece(token: string, decoding: Decoding): string | Uint8Array {
  if (decoding.style === 'byte-level') return byteLevelBytes(token) ?? token;
  const text = decoding.replacements.reduce((before, { from, to }) => before.replaceAll(from, to), token);
  const hex = BYTE_TOKEN.exec(text)?.[1];
  return hex === undefined ? text : Uint8Array.of(Number.parseInt(hex, 16));
}
