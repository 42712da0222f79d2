/** What `pack` and `inspect` say about an image. */
import { hexOf, hexOfWord } from '../../protocol/hex.js';
import type { ImageView } from '../../protocol/image/image-reader.js';
import { endTokens } from '../../protocol/image/end-tokens.js';
import { SECTION_NAMES } from '../../protocol/image/model-shape.js';
import { utf8Length } from '../../protocol/utf8.js';
import { ternaryWeights } from '../../protocol/image/tensors.js';
import type { JsonObject } from '../output.js';

/** Characters of the label in front of each line of facts about images and states. */
export const FACT_INDENT = 14;

/** The same facts for programs and for people. */
export interface ImageFacts {
  readonly facts: JsonObject;
  readonly lines: readonly string[];
}

export function describeImage(view: ImageView): ImageFacts {
  const { manifest, sections, seal, fileLength } = view;
  const { model, source, selfTest } = manifest;
  const weights = ternaryWeights(model);
  // Row padding and alignment belong to the weights they are there for.
  const bitsPerWeight = (8 * Math.ceil(sections.ternary.length / 4096) * 4096) / weights;
  const signer = seal.signature && hexOf(seal.signature.publicKey);
  return {
    facts: {
      name: manifest.name,
      revision: view.revision,
      sha256: hexOf(seal.sha256),
      signed_by: signer ?? null,
      file_bytes: fileLength,
      vocab_size: model.vocabSize,
      hidden_size: model.hiddenSize,
      intermediate_size: model.intermediateSize,
      layers: model.layers,
      bos_token_id: model.bosTokenId,
      eos_token_ids: endTokens(model),
      ternary_weights: weights,
      bits_per_ternary_weight: bitsPerWeight,
      sections: Object.fromEntries(
        SECTION_NAMES.map((name) => [name, { ...sections[name], sha256: hexOf(manifest.sectionSha256[name]) }]),
      ),
      program_words: view.program.length,
      tokenizer_sha256: sections.tokenizer.length > 0 ? hexOf(manifest.sectionSha256.tokenizer) : null,
      chat: manifest.chat ? { template: manifest.chat.template, ...manifest.chat.tokens } : null,
      checkpoint_sha256: hexOf(source.checkpointSha256),
      checkpoint_dtypes: source.dtypes,
      self_test: {
        prompt: Array.from(selfTest.prompt),
        tokens: Array.from(selfTest.tokens),
        receipts: Array.from(selfTest.receipts, (receipt) => hexOfWord(receipt)),
      },
    },
    lines: [
      `name          ${manifest.name}, revision ${view.revision}`,
      `shape         ${model.layers} layers, hidden ${model.hiddenSize}, intermediate ${model.intermediateSize}, vocabulary ${model.vocabSize}`,
      ...(model.eosTokenIds ? [`end of text   any of the tokens ${model.eosTokenIds.join(', ')}`] : []),
      `ternary       ${weights.toLocaleString('en-US')} weights at ${bitsPerWeight.toFixed(4)} bit, padding and alignment included`,
      `file          ${megabytes(fileLength)}: ${SECTION_NAMES.map((name) => `${name} ${megabytes(sections[name].length)}`).join(', ')}`,
      `checkpoint    ${source.dtypes}, sha256 ${hexOf(source.checkpointSha256)}`,
      `tokenizer     ${sections.tokenizer.length > 0 ? `sha256 ${hexOf(manifest.sectionSha256.tokenizer)}` : 'none'}`,
      ...(manifest.chat ? [`chat          template of ${utf8Length(manifest.chat.template)} bytes`] : []),
      `program       ${view.program.length > 0 ? `${view.program.length} words for gateware` : 'none: for gateware, pack it again'}`,
      `sealed        sha256 ${hexOf(seal.sha256)}`,
      `signature     ${signer === undefined ? 'none' : `Ed25519, valid, by ${signer}`}`,
    ],
  };
}

/** `2.8 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toLocaleString('en-US', { maximumFractionDigits: bytes < 1e6 ? 3 : 1 })} MB`;
}
