import { decode, encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { decodeManifest, encodeManifest } from '../../../protocol/image/manifest.js';
import type { ImageManifest } from '../../../protocol/image/manifest.js';
import { imageRefusal } from '../../helpers/image-refusal.js';

const hash = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

const MANIFEST: ImageManifest = {
  name: 'tales',
  model: {
    vocabSize: 4096,
    hiddenSize: 256,
    intermediateSize: 768,
    layers: 8,
    bosTokenId: 1,
    eosTokenId: 2,
    rmsNormEps: '1e-06',
    useLowerBound: true,
  },
  source: { checkpointSha256: hash(1), dtypes: 'F32+F16', packer: 'mmfree/1' },
  sectionSha256: { tables: hash(2), vectors: hash(3), embedding: hash(4), ternary: hash(5), tokenizer: hash(6) },
  selfTest: {
    prompt: Uint32Array.of(1, 0x0123),
    tokens: Uint32Array.of(4095),
    receipts: Uint32Array.of(0xfedcba98, 0),
  },
};

/** The same as a map with the keys of docs/IMAGE.md, section 3. */
const FIELDS = {
  name: 'tales',
  model: {
    vocab_size: 4096,
    hidden_size: 256,
    intermediate_size: 768,
    layers: 8,
    bos_token_id: 1,
    eos_token_id: 2,
    rms_norm_eps: '1e-06',
    use_lower_bound: true,
  },
  source: { checkpoint_sha256: hash(1), dtypes: 'F32+F16', packer: 'mmfree/1' },
  sections: { tables: hash(2), vectors: hash(3), embedding: hash(4), ternary: hash(5), tokenizer: hash(6) },
  self_test: {
    prompt: Uint8Array.of(1, 0, 0, 0, 0x23, 1, 0, 0),
    tokens: Uint8Array.of(0xff, 0x0f, 0, 0),
    receipts: Uint8Array.of(0x98, 0xba, 0xdc, 0xfe, 0, 0, 0, 0),
  },
  ternary_weights: 8 * (4 * 256 * 256 + 3 * 256 * 768) + 4096 * 256,
};

describe('the manifest', () => {
  test('is the map of the specification', () => {
    expect(decode(encodeManifest(MANIFEST))).toEqual(decode(encode(FIELDS)));
    expect(Buffer.from(encode(FIELDS)).equals(encodeManifest(MANIFEST))).toBe(true);
    expect(decodeManifest(encode(FIELDS))).toEqual(MANIFEST);
  });

  test('names several tokens that end a text, and one alone by its old key only', () => {
    const eosTokenIds = [2, 0x0123, 4095];
    const several = { ...MANIFEST, model: { ...MANIFEST.model, eosTokenIds } };
    const bytes = Uint8Array.of(2, 0, 0, 0, 0x23, 1, 0, 0, 0xff, 0x0f, 0, 0);
    const fields = { ...FIELDS, model: { ...FIELDS.model, eos_token_ids: bytes } };
    expect(Buffer.from(encode(fields)).equals(encodeManifest(several))).toBe(true);
    expect(decodeManifest(encode(fields))).toEqual(several);
  });

  test('has a template for conversations, or no key for it', () => {
    const chat = { template: '{{ messages }}\n\u{1f600}', tokens: { eos_token: '<|im_end|>', bos_token: '' } };
    const fields = { ...FIELDS, chat: { template: chat.template, ...chat.tokens } };
    expect(Buffer.from(encode(fields)).equals(encodeManifest({ ...MANIFEST, chat }))).toBe(true);
    expect(decodeManifest(encode(fields))).toEqual({ ...MANIFEST, chat });
    const longest = { template: '\u00e4'.repeat(16_384), pad_token: 'x'.repeat(256) };
    expect(decodeManifest(encode({ ...FIELDS, chat: longest })).chat?.template).toHaveLength(16_384);
  });

  test('has the same length whatever hashes, tokens and receipts are in it', () => {
    const length = encodeManifest(MANIFEST).length;
    const u32s = (count: number, max: number): fc.Arbitrary<Uint32Array> =>
      fc.uint32Array({ minLength: count, maxLength: count, max });
    const selfTest = fc.record({ prompt: u32s(2, 4095), tokens: u32s(1, 4095), receipts: u32s(2, 2 ** 32 - 1) });
    fc.assert(
      fc.property(selfTest, fc.nat(255), (changed, fill) => {
        const source = { ...MANIFEST.source, checkpointSha256: hash(fill) };
        const sectionSha256 = { ...MANIFEST.sectionSha256, ternary: hash(fill) };
        expect(encodeManifest({ ...MANIFEST, source, sectionSha256, selfTest: changed })).toHaveLength(length);
      }),
    );
  });

  test.each(['F32', 'F16', 'BF16', 'F32+F16', 'F32+BF16', 'F16+BF16', 'F32+F16+BF16'])('takes dtypes %s', (dtypes) => {
    expect(decodeManifest(encode({ ...FIELDS, source: { ...FIELDS.source, dtypes } })).source.dtypes).toBe(dtypes);
  });

  test.each(['x', 'matmulfree-L8-H256-V4096', 'M\u00e4rchen', '\u7ae5\u8bdd', 'x'.repeat(64), '\u00e4'.repeat(32)])(
    'takes the name %j',
    (name) => {
      expect(decodeManifest(encode({ ...FIELDS, name })).name).toBe(name);
    },
  );

  test.each(['', 'x'.repeat(65), '\u00e4'.repeat(33), 'line\nbreak', '\u001b[31mred', '\u009b31m', '\u202egnp.exe'])(
    'refuses the name %j, and says how a name must be',
    (name) => {
      const error = imageRefusal(() => decodeManifest(encode({ ...FIELDS, name })));
      expect([error?.code, error?.reason]).toEqual(['image-bad-manifest', expect.stringContaining('1 to 64 bytes')]);
      expect(imageRefusal(() => encodeManifest({ ...MANIFEST, name }))?.code).toBe('image-bad-manifest');
    },
  );

  const { name: _name, ...nameless } = FIELDS;
  const { model, source, sections, self_test: selfTest } = FIELDS;

  test.each<[string, unknown]>([
    ['', 'text'],
    ['', []],
    ['', {}],
    ['', nameless],
    ['', { ...FIELDS, comment: '' }],
    ['', { ...nameless, Name: 'tales' }],
    ['name', { ...FIELDS, name: 1 }],
    ['model', { ...FIELDS, model: 0 }],
    ['model', { ...FIELDS, model: { ...model, rope: 1 } }],
    ['model.vocab_size', { ...FIELDS, model: { ...model, vocab_size: '4096' } }],
    ['model.vocab_size', { ...FIELDS, model: { ...model, vocab_size: -1 } }],
    ['model.layers', { ...FIELDS, model: { ...model, layers: 2 ** 32 } }],
    ['model.rms_norm_eps', { ...FIELDS, model: { ...model, rms_norm_eps: 'tiny' } }],
    ['model.rms_norm_eps', { ...FIELDS, model: { ...model, rms_norm_eps: '1'.repeat(65) } }],
    ...[[2], [], [2, 2], [3, 2], [3, 4], [2, 4096], Array.from({ length: 17 }, (_, id) => id)].map(
      (ids): [string, unknown] => [
        'model.eos_token_ids',
        { ...FIELDS, model: { ...model, eos_token_ids: new Uint8Array(Uint32Array.from(ids).buffer) } },
      ],
    ),
    ['model.eos_token_ids', { ...FIELDS, model: { ...model, eos_token_ids: [2, 3] } }],
    ['model.eos_token_ids', { ...FIELDS, model: { ...model, eos_token_ids: Uint8Array.of(2, 0, 0, 0, 3) } }],
    ['model.use_lower_bound', { ...FIELDS, model: { ...model, use_lower_bound: 1 } }],
    ['source', { ...FIELDS, source: [] }],
    ['source.checkpoint_sha256', { ...FIELDS, source: { ...source, checkpoint_sha256: hash(0).subarray(1) } }],
    ['source.dtypes', { ...FIELDS, source: { ...source, dtypes: 'F16+F32' } }],
    ['source.dtypes', { ...FIELDS, source: { ...source, dtypes: '' } }],
    ['source.packer', { ...FIELDS, source: { ...source, packer: 'other/1' } }],
    ['sections', { ...FIELDS, sections: { ...sections, extra: hash(0) } }],
    ['sections.ternary', { ...FIELDS, sections: { ...sections, ternary: '0'.repeat(64) } }],
    ['self_test.prompt', { ...FIELDS, self_test: { ...selfTest, prompt: new Uint8Array(0) } }],
    ['self_test.prompt', { ...FIELDS, self_test: { ...selfTest, prompt: Uint8Array.of(0, 0x10, 0, 0, 1, 0, 0, 0) } }],
    ['self_test.tokens', { ...FIELDS, self_test: { ...selfTest, tokens: new Uint8Array(3) } }],
    ['self_test.tokens', { ...FIELDS, self_test: { ...selfTest, tokens: Uint8Array.of(0, 0, 0, 1) } }],
    ['self_test.receipts', { ...FIELDS, self_test: { ...selfTest, receipts: new Uint8Array(12) } }],
    ['chat', { ...FIELDS, chat: '{{ messages }}' }],
    ['chat', { ...FIELDS, chat: { eos_token: '' } }],
    ['chat', { ...FIELDS, chat: { template: 'x', tools: 'x' } }],
    ['chat.template', { ...FIELDS, chat: { template: '' } }],
    ['chat.template', { ...FIELDS, chat: { template: 1 } }],
    ['chat.template', { ...FIELDS, chat: { template: 'x'.repeat(32_769) } }],
    ['chat.eos_token', { ...FIELDS, chat: { template: 'x', eos_token: 'x'.repeat(257) } }],
    ['chat.eos_token', { ...FIELDS, chat: { template: 'x', eos_token: 2 } }],
    ['ternary_weights', { ...FIELDS, ternary_weights: FIELDS.ternary_weights + 1 }],
    ['ternary_weights', { ...FIELDS, ternary_weights: true }],
  ])('is refused, naming %j', (key, fields) => {
    const error = imageRefusal(() => decodeManifest(encode(fields)));
    expect([error?.code, String(error?.facts.key).replace(/\.$/, '')]).toEqual(['image-bad-manifest', key]);
  });
});
