/**
 * `config.json` and `generation_config.json` of a Hugging Face checkpoint → `ModelConfig`.
 *
 * Absent keys have the defaults of the published `HGRNBitConfig`. What changes the computation and is not supported is
 * refused; keys that do not (`attn_mode`, `fuse_swiglu`, `max_position_embeddings`, training settings) are ignored.
 */

import { endTokensOf, MAX_END_TOKENS } from '../../protocol/image/end-tokens.js';
import { MODEL_LIMITS } from '../../protocol/image/model-shape.js';
import type { ModelConfig } from '../config.js';
import { badConfigValue, configNotJson, unsupportedModel } from './checkpoint-error.js';
import { parsePythonObject } from '../json-object.js';
import type { SmallFile } from './files.js';

/**
 * @param path for messages
 * @param generation `generation_config.json`, if there is one
 * @throws CheckpointError `checkpoint-bad-config` or `checkpoint-unsupported-model`
 */
export function parseConfig(bytes: Uint8Array, path: string, generation?: SmallFile): ModelConfig {
  const values = ConfigValues.of({ path, bytes });
  values.require('model_type', undefined, ['hgrn_bit'], 'hgrn_bit, the MatMul-free LM');
  // The convolution has weights of its own; no released checkpoint uses it.
  values.require('use_short_conv', false, [false], 'false');
  // Published code only reshapes an element-wise recurrence into heads, but no checkpoint with several exists to test.
  values.require('num_heads', 1, [1], '1, as in all released checkpoints');
  values.require('expand_ratio', 1, [1], '1, a state as wide as the residual stream');
  values.require('hidden_act', 'swish', ['swish', 'silu'], 'swish');
  values.require('tie_word_embeddings', false, [false], 'false: the head is ternary, the embedding is not');
  // Keys of the HGRN classes of flash-linear-attention, from which the published class was made. It ignores them; a
  // checkpoint that has them was trained by other code, which does not.
  values.require('attn', null, [null], 'null: published code has no layers of softmax attention');
  values.require('fuse_norm', true, [true], 'true: published code has the fused norms only');
  values.require('elementwise_affine', true, [true], 'true: every norm has weights');
  values.require('quantization_config', null, [null], 'null: ternary weights are made from the float ones');
  const rmsNormEps = values.positive('rms_norm_eps', 1e-6, 1);
  values.require(
    'norm_eps',
    rmsNormEps,
    [rmsNormEps],
    `${rmsNormEps}, which is rms_norm_eps: published code reads that`,
  );

  const vocabSize = values.size('vocab_size', 32_000, MODEL_LIMITS.vocabSize);
  const hiddenSize = values.size('hidden_size', 2_048, MODEL_LIMITS.hiddenSize);
  return {
    vocabSize,
    hiddenSize,
    intermediateSize: values.intermediateSize(hiddenSize),
    layers: values.size('num_hidden_layers', 24, MODEL_LIMITS.layers),
    rmsNormEps,
    useLowerBound: values.boolean('use_lower_bound', true),
    bosTokenId: values.tokenId('bos_token_id', 1, vocabSize),
    ...endTokensOf(endTokenIds(values, generation, vocabSize)),
  };
}

/**
 * What `generate` of transformers ends at: the tokens of `generation_config.json` where it has some, and else those of
 * `config.json`. (Where the former is there and has none, transformers never ends a text; a board must.)
 */
function endTokenIds(config: ConfigValues, generation: SmallFile | undefined, vocabSize: number): readonly number[] {
  const key = 'eos_token_id';
  const values = generation && ConfigValues.of(generation);
  return values?.has(key) === true ? values.tokenIds(key, undefined, vocabSize) : config.tokenIds(key, 2, vocabSize);
}

class ConfigValues {
  private readonly values: Readonly<Record<string, unknown>>;
  private readonly file: string;

  private constructor(values: Readonly<Record<string, unknown>>, file: string) {
    this.values = values;
    this.file = file;
  }

  static of({ path, bytes }: SmallFile): ConfigValues {
    try {
      return new ConfigValues(parsePythonObject(bytes), path);
    } catch (error) {
      throw configNotJson(path, error);
    }
  }

  /** Whether there is more than null. */
  has(key: string): boolean {
    return (this.get(key, null) ?? null) !== null;
  }

  require(key: string, fallback: unknown, supported: readonly unknown[], description: string): void {
    const value = this.get(key, fallback);
    if (!supported.includes(value)) throw unsupportedModel(this.file, key, value, description);
  }

  size(key: string, fallback: number, max: number): number {
    return this.integer(key, this.get(key, fallback), 1, max);
  }

  positive(key: string, fallback: number, max: number): number {
    const value = this.get(key, fallback);
    if (typeof value !== 'number' || !(value > 0 && value <= max)) throw this.bad(key, value, `in (0, ${max}]`);
    return value;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.get(key, fallback);
    if (typeof value !== 'boolean') throw this.bad(key, value, 'true or false');
    return value;
  }

  tokenId(key: string, fallback: number, vocabSize: number): number {
    const [id = fallback, ...others] = this.tokenIds(key, fallback, vocabSize);
    if (others.length === 0) return id;
    throw this.bad(key, this.get(key, fallback), 'one token');
  }

  /** One or several, in their order, none twice: a number, or a list as transformers allows it. */
  tokenIds(key: string, fallback: number | undefined, vocabSize: number): readonly number[] {
    const value = this.get(key, fallback);
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    const ids = [...new Set(list.map((id) => this.integer(key, id, 0, vocabSize - 1)))];
    if (ids.length >= 1 && ids.length <= MAX_END_TOKENS) return ids;
    throw this.bad(key, value, `one token, or a list of at most ${MAX_END_TOKENS}`);
  }

  /** `intermediate_size`, or when it is null the published rule: ⅔ · ratio · H, rounded up to a multiple of 256. */
  intermediateSize(hiddenSize: number): number {
    const key = 'intermediate_size';
    const given = this.get(key, null);
    if (given !== null) return this.integer(key, given, 1, MODEL_LIMITS.intermediateSize);
    const ratio = this.get('hidden_ratio', null) === null ? 4 : this.positive('hidden_ratio', 4, 1_024);
    const rounded = 256 * Math.ceil(Math.trunc((hiddenSize * ratio * 2) / 3) / 256);
    return this.integer(`${key} (from hidden_ratio)`, rounded, 1, MODEL_LIMITS.intermediateSize);
  }

  private get(key: string, fallback: unknown): unknown {
    return Object.hasOwn(this.values, key) ? this.values[key] : fallback;
  }

  private integer(key: string, value: unknown, min: number, max: number): number {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw this.bad(key, value, `one whole number from ${min} to ${max}`);
    }
    return value;
  }

  private bad(key: string, value: unknown, expected: string): Error {
    return badConfigValue(this.file, key, value, expected);
  }
}
