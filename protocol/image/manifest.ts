/**
 * The manifest: what an image says about itself. One CBOR map, its keys in snake_case; here the same as plain data.
 *
 * docs/IMAGE.md, section 3. Unknown keys, missing keys, other types and other lengths are errors.
 */

import { decodeCbor, encodeCbor } from '../cbor.js';
import { CHAT_KEYS, chatFields, parseChat, TEMPLATE_TOKENS, type ChatTemplate } from './chat-template.js';
import { MAX_END_TOKENS } from './end-tokens.js';
import { badManifest } from './image-error.js';
import { bytesOfU32 } from '../little-endian.js';
import { ManifestFields } from './manifest-fields.js';
import { SECTION_NAMES } from './model-shape.js';
import { ternaryWeights } from './tensors.js';
import type { ModelShape, SectionName } from './model-shape.js';

/** The shape, and what else of the configuration is worth keeping. */
export interface ManifestModel extends ModelShape {
  /** As written in the config; no integer depends on it. */
  readonly rmsNormEps: string;
  readonly useLowerBound: boolean;
}

/** Where the weights come from. */
export interface ManifestSource {
  /** SHA-256 over the hashes of the checkpoint's parts, 32 bytes. */
  readonly checkpointSha256: Uint8Array;
  /** `F32`, `F16`, `BF16`, or several joined by `+` in this order. */
  readonly dtypes: string;
  /** `mmfree/` and the version of the arithmetic. */
  readonly packer: string;
}

/** A short run that the packer made: whoever holds the image must get the same. */
export interface SelfTest {
  /** Token ids, at least one. */
  readonly prompt: Uint32Array;
  /** Its greedy continuation, at least one. */
  readonly tokens: Uint32Array;
  /** CRC-32 of the logits after each token of prompt and continuation but the last. */
  readonly receipts: Uint32Array;
}

/** The manifest as data. */
export interface ImageManifest {
  /** 1 … 64 bytes in UTF-8. */
  readonly name: string;
  readonly model: ManifestModel;
  readonly source: ManifestSource;
  /** 32 bytes each. */
  readonly sectionSha256: Readonly<Record<SectionName, Uint8Array>>;
  readonly selfTest: SelfTest;
  /** How conversations are written; absent for models that were taught none. */
  readonly chat?: ChatTemplate;
}

const MANIFEST_KEYS = ['name', 'model', 'source', 'sections', 'self_test', 'ternary_weights'] as const;
const OPTIONAL_KEYS = ['chat'] as const;
const MODEL_KEYS = [
  'vocab_size',
  'hidden_size',
  'intermediate_size',
  'layers',
  'bos_token_id',
  'eos_token_id',
  'rms_norm_eps',
  'use_lower_bound',
] as const;
const OPTIONAL_MODEL_KEYS = ['eos_token_ids'] as const;
const SOURCE_KEYS = ['checkpoint_sha256', 'dtypes', 'packer'] as const;
const SELF_TEST_KEYS = ['prompt', 'tokens', 'receipts'] as const;

/**
 * The manifest's bytes. Their number depends on the lengths in it, never on hashes, tokens or receipts.
 *
 * @throws ImageError `image-bad-manifest`
 */
export function encodeManifest(manifest: ImageManifest): Uint8Array {
  const { name, model, source, sectionSha256, selfTest, chat } = manifest;
  const bytes = encodeCbor({
    name,
    model: {
      vocab_size: model.vocabSize,
      hidden_size: model.hiddenSize,
      intermediate_size: model.intermediateSize,
      layers: model.layers,
      bos_token_id: model.bosTokenId,
      eos_token_id: model.eosTokenId,
      rms_norm_eps: model.rmsNormEps,
      use_lower_bound: model.useLowerBound,
      ...(model.eosTokenIds && { eos_token_ids: bytesOfU32(Uint32Array.from(model.eosTokenIds)) }),
    },
    source: { checkpoint_sha256: source.checkpointSha256, dtypes: source.dtypes, packer: source.packer },
    sections: sectionSha256,
    self_test: {
      prompt: bytesOfU32(selfTest.prompt),
      tokens: bytesOfU32(selfTest.tokens),
      receipts: bytesOfU32(selfTest.receipts),
    },
    ternary_weights: ternaryWeights(model),
    ...(chat && { chat: chatFields(chat) }),
  });
  decodeManifest(bytes);
  return bytes;
}

/**
 * Reads a manifest and checks all that can be checked without the rest of the image.
 *
 * @throws CborError if the bytes are not an item
 * @throws ImageError `image-bad-manifest`
 */
export function decodeManifest(bytes: Uint8Array): ImageManifest {
  const root = new ManifestFields(decodeCbor(bytes), '', MANIFEST_KEYS, OPTIONAL_KEYS);
  const model = parseModel(root.map('model', MODEL_KEYS, OPTIONAL_MODEL_KEYS));
  root.expect('ternary_weights', ternaryWeights(model), 'follow from the model');
  const source = root.map('source', SOURCE_KEYS);
  const hashes = root.map('sections', SECTION_NAMES);
  return {
    name: root.name('name'),
    model,
    source: {
      checkpointSha256: source.sha256('checkpoint_sha256'),
      dtypes: source.text('dtypes', 'dtypes'),
      packer: source.text('packer', 'packer'),
    },
    sectionSha256: {
      tables: hashes.sha256('tables'),
      vectors: hashes.sha256('vectors'),
      embedding: hashes.sha256('embedding'),
      ternary: hashes.sha256('ternary'),
      tokenizer: hashes.sha256('tokenizer'),
    },
    selfTest: parseSelfTest(root.map('self_test', SELF_TEST_KEYS), model),
    ...(root.has('chat') && { chat: parseChat(root.map('chat', CHAT_KEYS, TEMPLATE_TOKENS)) }),
  };
}

type ModelFields = ManifestFields<(typeof MODEL_KEYS)[number], (typeof OPTIONAL_MODEL_KEYS)[number]>;

function parseModel(model: ModelFields): ManifestModel {
  const vocabSize = model.u32('vocab_size');
  const eosTokenId = model.u32('eos_token_id');
  return {
    vocabSize,
    hiddenSize: model.u32('hidden_size'),
    intermediateSize: model.u32('intermediate_size'),
    layers: model.u32('layers'),
    bosTokenId: model.u32('bos_token_id'),
    eosTokenId,
    ...(model.has('eos_token_ids') && { eosTokenIds: parseEndTokens(model, vocabSize, eosTokenId) }),
    rmsNormEps: model.text('rms_norm_eps', 'number'),
    useLowerBound: model.boolean('use_lower_bound'),
  };
}

/** Several: one alone is in `eos_token_id`, so that there is one encoding of everything. */
function parseEndTokens(model: ModelFields, vocabSize: number, eosTokenId: number): readonly number[] {
  const tokens = Array.from(model.u32Array('eos_token_ids'));
  const isAscending = tokens.every((token, index) => index === 0 || token > tokens[index - 1]!);
  const isRight = tokens.length >= 2 && tokens.length <= MAX_END_TOKENS && isAscending && tokens.at(-1)! < vocabSize;
  if (isRight && tokens.includes(eosTokenId)) return tokens;
  const expected = `hold 2 to ${MAX_END_TOKENS} ids of the vocabulary, ascending, eos_token_id among them`;
  throw badManifest('model.eos_token_ids', expected);
}

function parseSelfTest(test: ManifestFields<(typeof SELF_TEST_KEYS)[number]>, model: ModelShape): SelfTest {
  const prompt = test.u32Array('prompt');
  const tokens = test.u32Array('tokens');
  const receipts = test.u32Array('receipts');
  if (receipts.length !== prompt.length + tokens.length - 1) {
    throw badManifest('self_test.receipts', 'hold one receipt for every token but the last');
  }
  for (const [key, ids] of Object.entries({ prompt, tokens })) {
    if (ids.some((id) => id >= model.vocabSize)) throw badManifest(`self_test.${key}`, 'hold ids of the vocabulary');
  }
  return { prompt, tokens, receipts };
}
