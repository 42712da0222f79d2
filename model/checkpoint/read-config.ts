/**
 * `config.json` of a Hugging Face checkpoint → `ModelConfig`.
 *
 * Absent keys have the defaults of the published `HGRNBitConfig`. What changes the computation and is not supported is
 * refused; keys that do not (`attn_mode`, `fuse_swiglu`, `max_position_embeddings`, training settings) are ignored.
 */

import { MODEL_LIMITS } from '../../protocol/image/model-shape.js';
import type { ModelConfig } from '../config.js';
import { badConfigValue, configNotJson, unsupportedModel } from './checkpoint-error.js';
import { parsePythonObject } from './json-object.js';

/**
 * @param file for messages
 * @throws CheckpointError `checkpoint-bad-config` or `checkpoint-unsupported-model`
 */
export function parseConfig(bytes: Uint8Array, file: string): ModelConfig {
  const values = new ConfigValues(parseFile(bytes, file), file);
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
    eosTokenId: values.tokenId('eos_token_id', 2, vocabSize),
  };
}

function parseFile(bytes: Uint8Array, file: string): Readonly<Record<string, unknown>> {
  try {
    return parsePythonObject(bytes);
  } catch (error) {
    throw configNotJson(file, error);
  }
}

class ConfigValues {
  private readonly values: Readonly<Record<string, unknown>>;
  private readonly file: string;

  constructor(values: Readonly<Record<string, unknown>>, file: string) {
    this.values = values;
    this.file = file;
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

  /**
   * Hugging Face also allows a list of tokens that end a text. A list of one is that one; of several, one would be
   * kept and the texts would run on after the others, so those are refused.
   */
  tokenId(key: string, fallback: number, vocabSize: number): number {
    const value = this.get(key, fallback);
    const single: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
    return this.integer(key, single, 0, vocabSize - 1);
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
