import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { CheckpointError } from '../../../model/checkpoint/checkpoint-error.js';
import { parseConfig } from '../../../model/checkpoint/read-config.js';
import type { ModelConfig } from '../../../model/config.js';
import { figureOfCases } from '../../helpers/counts.js';
import { attempt, refusalOf } from '../../helpers/refusal.js';

figureOfCases('checkpoints: configurations as others write them, read or refused by name');

function parse(config: unknown): ModelConfig {
  return parseText(JSON.stringify(config));
}

function parseText(text: string): ModelConfig {
  return parseConfig(new TextEncoder().encode(text), 'folder/config.json');
}

const MINIMAL = { model_type: 'hgrn_bit' };

describe('parseConfig', () => {
  test('fills in the defaults of the published configuration class', () => {
    expect(parse(MINIMAL)).toEqual({
      vocabSize: 32_000,
      hiddenSize: 2_048,
      intermediateSize: 5_632,
      layers: 24,
      rmsNormEps: 1e-6,
      useLowerBound: true,
      bosTokenId: 1,
      eosTokenId: 2,
    });
  });

  test('takes every value from the file and ignores what does not matter', () => {
    const config = {
      ...MINIMAL,
      vocab_size: 4096,
      hidden_size: 256,
      num_hidden_layers: 8,
      intermediate_size: 700,
      rms_norm_eps: 1e-5,
      use_lower_bound: false,
      bos_token_id: 0,
      eos_token_id: 4095,
      hidden_act: 'silu',
      num_heads: 1,
      expand_ratio: 1,
      use_short_conv: false,
      tie_word_embeddings: false,
      transformers_version: '5.17.0',
      pad_token_id: null,
    };
    expect(parse(config)).toEqual({
      vocabSize: 4_096,
      hiddenSize: 256,
      intermediateSize: 700,
      layers: 8,
      rmsNormEps: 1e-5,
      useLowerBound: false,
      bosTokenId: 0,
      eosTokenId: 4_095,
    });
  });

  // The three released sizes (arXiv 2406.02528, table 1) and the two trained for this project, then the rounding.
  test.each([
    [1024, 4, 2816],
    [2048, 4, 5632],
    [2560, 4, 6912],
    [256, 4, 768],
    [384, 4, 1024],
    [384, null, 1024],
    [96, 4, 256],
    [97, 4, 512],
    [100, 2.5, 256],
  ])('hidden size %d with ratio %s has intermediate size %d', (hidden_size, hidden_ratio, expected) => {
    expect(parse({ ...MINIMAL, hidden_size, hidden_ratio, intermediate_size: null }).intermediateSize).toBe(expected);
    expect(parse({ ...MINIMAL, hidden_size, hidden_ratio }).intermediateSize).toBe(expected);
  });

  test('a list of one token is that token', () => {
    expect(parse({ ...MINIMAL, bos_token_id: [3], eos_token_id: [7, 7] })).toEqual({
      ...parse(MINIMAL),
      bosTokenId: 3,
      eosTokenId: 7,
    });
  });

  describe('tokens that end a text', () => {
    const ends = (config: unknown, generation?: unknown): unknown => {
      const encoded = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
      const file = generation === undefined ? undefined : { path: 'folder/g.json', bytes: encoded(generation) };
      const parsed = parseConfig(encoded({ ...MINIMAL, ...(config as object) }), 'folder/config.json', file);
      return parsed.eosTokenIds ?? parsed.eosTokenId;
    };

    // transformers: GenerationConfig.from_pretrained where generation_config.json is there, else from config.json.
    test.each<[string, unknown, unknown, unknown]>([
      ['neither says any', {}, {}, 2],
      ['config.json has one', { eos_token_id: 5 }, undefined, 5],
      ['config.json has several', { eos_token_id: [9, 5, 9] }, undefined, [5, 9]],
      ['generation_config.json has a second', { eos_token_id: 5 }, { eos_token_id: [5, 9] }, [5, 9]],
      ['generation_config.json has another', { eos_token_id: 5 }, { eos_token_id: 9 }, 9],
      ['generation_config.json has one alone', { eos_token_id: [5, 9] }, { eos_token_id: [9] }, 9],
      ['generation_config.json has none', { eos_token_id: [5, 9] }, { temperature: 0.7 }, [5, 9]],
      ['generation_config.json has null', { eos_token_id: 5 }, { eos_token_id: null }, 5],
      ['config.json has null and nobody asks', { eos_token_id: null }, { eos_token_id: 9 }, 9],
      [
        'there are 16',
        { eos_token_id: Array.from({ length: 16 }, (_, id) => id) },
        undefined,
        Array.from({ length: 16 }, (_, id) => id),
      ],
    ])('are right where %s', (_title, config, generation, expected) => {
      expect(ends(config, generation)).toEqual(expected);
    });

    test('are told to machines that know one by the first of them', () => {
      expect(parse({ ...MINIMAL, eos_token_id: [9, 5] })).toMatchObject({ eosTokenId: 9, eosTokenIds: [5, 9] });
    });

    test('name the file that they are wrong in', () => {
      expect(refusalOf(() => ends({}, { eos_token_id: [2, 32_000] }))).toMatchObject({
        code: 'checkpoint-bad-config',
        message: 'folder/g.json: eos_token_id is 32000',
        facts: { file: 'folder/g.json', key: 'eos_token_id' },
      });
      expect(refusalOf(() => ends({}, []))).toMatchObject({ facts: { file: 'folder/g.json' } });
    });
  });

  // Keys of flash-linear-attention's classes that say how to compute the same, or only how to train.
  test('keys that do not change the computation are ignored', () => {
    const same = { attn: null, fuse_norm: true, norm_eps: 1e-6, elementwise_affine: true, quantization_config: null };
    const training = { fuse_swiglu: false, fuse_cross_entropy: true, fuse_linear_cross_entropy: false };
    const other = { use_l2warp: true, conv_size: 7, share_conv_kernel: false, attn_mode: 'chunk', pad_token_id: 9 };
    expect(parse({ ...MINIMAL, ...same, ...training, ...other })).toEqual(parse(MINIMAL));
    expect(parse({ ...MINIMAL, norm_eps: 1e-5, rms_norm_eps: 1e-5 }).rmsNormEps).toBe(1e-5);
  });

  describe('numbers that Python writes and JSON does not have', () => {
    // json.dumps({"a": inf, "b": [nan, {"c": -inf}], "d": "NaN, \\", …}) of Python 3.11.
    const written = String.raw`{"a": Infinity, "b": [NaN, {"c": -Infinity}], "d": "NaN, \\\" -Infinity \\", "model_type": "hgrn_bit"}`;

    test('are read in keys that nobody reads', () => {
      expect(parseText(written)).toEqual(parse(MINIMAL));
    });

    test.each([
      ['rms_norm_eps', 'NaN', 'NaN'],
      ['vocab_size', 'Infinity', 'Infinity'],
      ['hidden_ratio', '-Infinity', '-Infinity'],
      ['eos_token_id', '[NaN]', 'NaN'],
      ['num_heads', 'NaN', 'NaN'],
    ])('are named in %s', (key, text, shown) => {
      const { message, facts } = refusalOf(() => parseText(`{"model_type":"hgrn_bit","x":NaN,"${key}":${text}}`));
      expect(facts).toMatchObject({ key });
      expect(message).toContain(`${key} is ${shown}`);
    });

    // As Python does.
    test.each(['-NaN', '1Infinity', '+Infinity', 'Infinityx', 'Infinity5', 'nan', '--Infinity', '"NaN'])(
      '%s is none of them',
      (text) => {
        const refusal = refusalOf(() => parseText(`{"model_type":"hgrn_bit","a":NaN,"x":${text}}`));
        expect(refusal.message).toContain('is not a JSON object');
      },
    );

    test('take time that grows with the size alone', () => {
      const text = `{"a":NaN,"b":"${String.raw`\"`.repeat(400_000)}`;
      const start = performance.now();
      expect(refusalOf(() => parseText(text)).code).toBe('checkpoint-bad-config');
      expect(performance.now() - start).toBeLessThan(2_000);
    });
  });

  test('the largest sizes allowed are accepted', () => {
    const sizes = { vocab_size: 65_536, hidden_size: 8_192, intermediate_size: 8_192, num_hidden_layers: 256 };
    expect(parse({ ...MINIMAL, ...sizes })).toMatchObject({ vocabSize: 65_536, layers: 256 });
  });

  test.each<[string, unknown, string]>([
    ['model_type', 'llama', 'hgrn_bit'],
    ['model_type', undefined, 'hgrn_bit'],
    ['use_short_conv', true, 'false'],
    ['num_heads', 4, '1'],
    ['num_heads', null, '1'],
    ['expand_ratio', 2, '1'],
    ['hidden_act', 'relu', 'swish'],
    ['tie_word_embeddings', true, 'false'],
    ['tie_word_embeddings', 'no', 'false'],
    ['attn', { layers: [1], num_heads: 4 }, 'null'],
    ['fuse_norm', false, 'true'],
    ['elementwise_affine', false, 'true'],
    ['quantization_config', { quant_method: 'bitnet' }, 'null'],
    ['norm_eps', 1e-5, '0.000001'],
  ])('%s %j is another model', (key, value, supported) => {
    const refusal = refusalOf(() => parse({ ...MINIMAL, [key]: value }));
    expect(refusal).toMatchObject({ code: 'checkpoint-unsupported-model', facts: { key, file: 'folder/config.json' } });
    expect(refusal.reason).toContain(`Supported is ${supported}`);
  });

  test.each<[string, unknown]>([
    ['vocab_size', 0],
    ['vocab_size', 65_537],
    ['vocab_size', 1.5],
    ['vocab_size', '512'],
    ['vocab_size', null],
    ['hidden_size', -1],
    ['hidden_size', 8_193],
    ['intermediate_size', 8_193],
    ['intermediate_size', 0],
    ['intermediate_size', '768'],
    ['hidden_ratio', 0],
    ['hidden_ratio', '4'],
    ['num_hidden_layers', 257],
    ['num_hidden_layers', true],
    ['rms_norm_eps', 0],
    ['rms_norm_eps', 2],
    ['rms_norm_eps', '1e-6'],
    ['use_lower_bound', 1],
    ['bos_token_id', null],
    ['bos_token_id', 32_000],
    ['eos_token_id', -1],
    ['eos_token_id', []],
    ['eos_token_id', Array.from({ length: 17 }, (_, id) => id)],
    ['eos_token_id', [1, 32_000]],
    ['eos_token_id', null],
    ['bos_token_id', [1, 2]],
    ['eos_token_id', [[2]]],
    ['eos_token_id', { id: 2 }],
  ])('%s %j is refused, with what it must be', (key, value) => {
    const refusal = refusalOf(() => parse({ ...MINIMAL, [key]: value }));
    expect(refusal).toMatchObject({ code: 'checkpoint-bad-config', facts: { key } });
    expect(refusal.reason).toMatch(/^It must be /);
  });

  test('an intermediate size that follows from too large a ratio is refused', () => {
    expect(refusalOf(() => parse({ ...MINIMAL, hidden_size: 8192, hidden_ratio: 8 })).message).toContain(
      'intermediate_size (from hidden_ratio) is 43776',
    );
  });

  test.each([
    ['nothing', ''],
    ['half an object', '{"model_type":'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a number no JSON has', '{"model_type":"hgrn_bit","rms_norm_eps":NaN}'],
    ['deep nesting', '['.repeat(1_000_000)],
  ])('%s is not a configuration', (_title, text) => {
    expect(refusalOf(() => parseText(text))).toMatchObject({ code: 'checkpoint-bad-config' });
  });

  test('a value nested deeper than the stack is refused like any other', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    for (const key of ['vocab_size', 'num_heads', 'eos_token_id']) {
      expect(refusalOf(() => parseText(`{"model_type":"hgrn_bit","${key}":${deep}}`)).message).toContain('a list of 1');
    }
  });

  test('bytes that are not UTF-8 are refused', () => {
    expect(refusalOf(() => parseConfig(Uint8Array.of(0x7b, 0xff, 0x7d), 'c')).code).toBe('checkpoint-bad-config');
  });

  test('any values give a configuration within the limits or a refusal', () => {
    const keys = ['vocab_size', 'hidden_size', 'intermediate_size', 'hidden_ratio', 'bos_token_id', 'rms_norm_eps'];
    const values = fc.oneof(fc.integer({ min: -10, max: 100_000 }), fc.double(), fc.jsonValue());
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...keys), values), (config) => {
        const parsed = attempt(() => parse({ ...config, model_type: 'hgrn_bit' }));
        if (parsed instanceof CheckpointError) return;
        for (const size of [parsed.vocabSize, parsed.hiddenSize, parsed.intermediateSize, parsed.layers]) {
          expect(Number.isInteger(size) && size >= 1 && size <= 65_536).toBe(true);
        }
        expect(parsed.bosTokenId).toBeLessThan(parsed.vocabSize);
        expect(parsed.rmsNormEps).toBeGreaterThan(0);
      }),
    );
  });
});
