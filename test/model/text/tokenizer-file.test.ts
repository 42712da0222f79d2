import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../../model/text/tokenizer.js';
import { TokenizerError } from '../../../model/text/tokenizer-error.js';
import { readTokenizerFile, type TokenIds } from '../../../model/text/tokenizer-file.js';
import {
  changed,
  MISTRAL_STYLE_IDS,
  mistralStyleTokenizer,
  TALES_IDS,
  talesTokenizer,
  toBytes,
} from '../../helpers/tokenizers.js';

/** The error of reading `json`, or undefined when it is accepted. */
function refusal(json: Uint8Array, ids: TokenIds): TokenizerError | undefined {
  try {
    readTokenizerFile(json, ids);
  } catch (error) {
    if (error instanceof TokenizerError) return error;
    throw error;
  }
  return undefined;
}

/** Where to put a value: keys from the outside in. */
type Path = readonly (string | number)[];

const tales = talesTokenizer();
const mistralStyle = mistralStyleTokenizer();
const REGEX = { Regex: '(a+)+$' };

function changedTales(path: Path, value: unknown, ids: TokenIds = TALES_IDS): TokenizerError | undefined {
  return refusal(toBytes(changed(tales, path, value)), ids);
}

function changedMistral(path: Path, value: unknown): TokenizerError | undefined {
  return refusal(toBytes(changed(mistralStyle, path, value)), MISTRAL_STYLE_IDS);
}

describe('readTokenizerFile', () => {
  it('accepts both styles as they are published', () => {
    expect(refusal(toBytes(tales), TALES_IDS)).toBeUndefined();
    expect(refusal(toBytes(mistralStyle), MISTRAL_STYLE_IDS)).toBeUndefined();
  });

  it.each([
    ['no tokenizer', '', 'tokenizer-missing'],
    ['something else than JSON', 'tokens', 'tokenizer-malformed'],
    ['JSON that is cut short', '{"model":', 'tokenizer-malformed'],
    ['a list', '[]', 'tokenizer-malformed'],
    ['a file without a model', '{}', 'tokenizer-malformed'],
    ['deeply nested JSON', '['.repeat(100_000), 'tokenizer-malformed'],
    ['a file that is too large', ' '.repeat((16 << 20) + 1), 'tokenizer-too-large'],
  ])('refuses %s', (_title, text, code) => {
    expect(refusal(new TextEncoder().encode(text), TALES_IDS)?.code).toBe(code);
  });

  it('refuses what is not UTF-8', () => {
    expect(refusal(Uint8Array.of(0x7b, 0xff, 0x7d), TALES_IDS)?.code).toBe('tokenizer-malformed');
  });

  it.each<[string, TokenIds]>([
    ['an id at or above the vocabulary of the model', { ...TALES_IDS, vocabSize: 4095 }],
    ['no token for the beginning of a text', { vocabSize: 5000, bosTokenId: 4999, eosTokenId: 0 }],
    ['no token for the end of a text', { vocabSize: 5000, bosTokenId: 0, eosTokenId: 4096 }],
  ])('refuses a tokenizer with %s', (_title, ids) => {
    expect(refusal(toBytes(tales), ids)?.code).toBe('tokenizer-does-not-fit');
  });

  it.each<[string, Path, unknown]>([
    ['two tokens of one id', ['model', 'vocab', 'new'], 65],
    ['an added token with the id of another token', ['added_tokens', 0, 'content'], 'a b'],
    ['an added token with a second id', ['added_tokens', 1], { id: 4096, content: 'a' }],
    ['an added token behind a gap', ['added_tokens', 1], { id: 4097, content: '<pad>' }],
    ['a vocabulary that lacks a byte', ['model', 'vocab', 'ÿ'], undefined],
  ])('refuses %s', (_title, path, value) => {
    expect(changedTales(path, value, { ...TALES_IDS, vocabSize: 4100 })?.code).toBe('tokenizer-does-not-fit');
  });

  it('drops an added token that the model has no row for', async () => {
    const json = toBytes(changed(tales, ['added_tokens', 1], { id: 4096, content: '<pad>', special: true }));
    const { encode, dropped } = await loadTokenizer(json, TALES_IDS);
    expect(dropped).toEqual(['<pad>']);
    expect(encode('<pad>')).toEqual((await loadTokenizer(toBytes(tales), TALES_IDS)).encode('<pad>'));
  });

  it('refuses white space that a token takes along from another', () => {
    const added = { id: 4096, content: '<pad>', rstrip: true };
    const json = changed(changed(tales, ['added_tokens', 1], added), ['added_tokens', 2], { id: 4097, content: ' x' });
    expect(refusal(toBytes(json), { ...TALES_IDS, vocabSize: 4100 })?.facts['key']).toBe('added_tokens.rstrip');
  });

  it('refuses byte fallback without a token for each byte', () => {
    expect(changedMistral(['model', 'vocab', '<0x7F>'], undefined)?.code).toBe('tokenizer-does-not-fit');
  });

  it.each<[string, Path, unknown]>([
    ['a vocabulary that is a list', ['model', 'vocab'], []],
    ['an id that is text', ['model', 'vocab', 'a'], '66'],
    ['a negative id', ['model', 'vocab', 'a'], -1],
    ['a fractional id', ['model', 'vocab', 'a'], 65.5],
    ['merges that are no list', ['model', 'merges'], {}],
    ['a merge of one token', ['model', 'merges', 3], 'ab'],
    ['a merge of three tokens', ['model', 'merges', 3], ['a', 'b', 'c']],
    ['a merge of numbers', ['model', 'merges', 3], [1, 2]],
    ['a merge that makes no token', ['model', 'merges', 3], 'q q'],
    ['added tokens that are no list', ['added_tokens'], 'x'],
    ['an added token that is no object', ['added_tokens', 1], null],
    ['an added token without text', ['added_tokens', 1], { id: 1, content: '' }],
    ['an added token of 257 characters', ['added_tokens', 1], { id: 1, content: 'x'.repeat(257) }],
    ['an added token without an id', ['added_tokens', 1], { content: 'x' }],
    ['an added token twice', ['added_tokens', 1], { id: 0, content: '<|endoftext|>' }],
    ['half a character', ['model', 'vocab', '\ud83e'], 4095],
    ['half a character to add', ['added_tokens', 1], { id: 4096, content: '\ud83e' }],
    ['a decoder that is text', ['decoder'], 'ByteLevel'],
    ['an option that is neither true nor false', ['pre_tokenizer', 'use_regex'], 'no'],
  ])('refuses %s as malformed', (_title, path, value) => {
    expect(changedTales(path, value)?.code).toBe('tokenizer-malformed');
  });

  it.each<[string, string, Path, unknown]>([
    ['another model than BPE', 'model.type', ['model', 'type'], 'Unigram'],
    ['dropout', 'model.dropout', ['model', 'dropout'], 0.1],
    ['a suffix for words', 'model.end_of_word_suffix', ['model', 'end_of_word_suffix'], '</w>'],
    ['an unknown normalizer', 'normalizer', ['normalizer'], { type: 'NFKC' }],
    ['a normalizer without a type', 'normalizer', ['normalizer'], {}],
    ['an unknown pre-tokenizer', 'pre_tokenizer', ['pre_tokenizer', 'type'], 'UnicodeScripts'],
    ['a regular expression', 'pre_tokenizer', ['pre_tokenizer'], { type: 'Split', pattern: REGEX }],
    ['no pre-tokenizer', 'pre_tokenizer', ['pre_tokenizer'], null],
    ['an unknown decoder', 'decoder', ['decoder'], { type: 'WordPiece' }],
    ['byte fallback beside bytes', 'model.byte_fallback', ['model', 'byte_fallback'], true],
    ['added tokens that match only words', 'added_tokens.single_word', ['added_tokens', 0, 'single_word'], true],
  ])('refuses a byte-level tokenizer with %s', (_title, key, path, value) => {
    const error = changedTales(path, value);
    expect([error?.code, error?.facts['key']]).toEqual(['tokenizer-unsupported', key]);
  });

  const replace = ['normalizer', 'normalizers', 1];
  const decoders = ['decoder', 'decoders'];
  const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 };
  const pre: Path = ['pre_tokenizer'];
  const metaspace = { type: 'Metaspace', replacement: '▁', split: false };
  it.each<[string, string, Path, unknown]>([
    ['a regular expression', 'normalizer.pattern', [...replace, 'pattern'], REGEX],
    ['text that grows', 'normalizer.content', [...replace, 'content'], '▁▁'],
    ['an empty pattern', 'normalizer.pattern', [...replace, 'pattern'], { String: '' }],
    ['a long prefix', 'normalizer.prepend', ['normalizer', 'normalizers', 0, 'prepend'], '▁▁'],
    ['a regular expression to decode', 'decoder.pattern', [...decoders, 0, 'pattern'], REGEX],
    ['steps out of order', 'decoder', decoders, [{ type: 'Fuse' }, { type: 'ByteFallback' }]],
    ['a step twice', 'decoder', [...decoders, 4], strip],
    ['an unknown step', 'decoder', [...decoders, 2], { type: 'CTC' }],
    ['no byte fallback in the decoder', 'decoder', decoders, [{ type: 'Fuse' }, strip]],
    ['spaces stripped from each token', 'decoder', decoders, [{ type: 'ByteFallback' }, strip]],
    ['spaces stripped from the end', 'decoder.stop', [...decoders, 3, 'stop'], 1],
    ['no byte fallback', 'model.byte_fallback', ['model', 'byte_fallback'], false],
    ['another prepend scheme', 'pre_tokenizer.prepend_scheme', pre, { ...metaspace, prepend_scheme: 'last' }],
    [
      'a prefix that is and is not there',
      'pre_tokenizer.add_prefix_space',
      pre,
      { ...metaspace, add_prefix_space: false },
    ],
    ['a Unicode form', 'normalizer', ['normalizer', 'normalizers', 2], { type: 'NFKC' }],
  ])('refuses a tokenizer in the style of Mistral with %s', (_title, key, path, value) => {
    const error = changedMistral(path, value);
    expect([error?.code, error?.facts['key']]).toEqual(['tokenizer-unsupported', key]);
  });

  it('refuses more steps than any real tokenizer has', () => {
    const error = changedMistral(
      decoders,
      Array.from({ length: 9 }, () => ({ type: 'Fuse' })),
    );
    expect(error?.code).toBe('tokenizer-malformed');
  });

  it('names an unknown step without its control characters', () => {
    const error = changedTales(['decoder', 'type'], `\u001b[2J${'x'.repeat(1000)}`);
    expect(error?.message).toMatch(/^the tokenizer's decoder is "\\u001b\[2Jx{66,}\.\.\."$/);
  });

  it('refuses any value in any place, or the library encodes with it', async () => {
    const places: Path[] = [
      ...['model', 'normalizer', 'pre_tokenizer', 'decoder', 'added_tokens'].map((key) => [key]),
      ...['type', 'vocab', 'merges', 'byte_fallback', 'ignore_merges', 'dropout'].map((key) => ['model', key]),
      ...['id', 'content', 'special', 'normalized'].map((key) => ['added_tokens', 1, key]),
      ...['type', 'pattern', 'content'].map((key) => [...replace, key]),
      ...['type', 'content', 'start', 'stop'].map((key) => [...decoders, 3, key]),
      ['added_tokens', 1],
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), fc.jsonValue(), async (path, value) => {
        const result = await loadTokenizer(toBytes(changed(mistralStyle, path, value)), MISTRAL_STYLE_IDS).then(
          ({ encode }) => encode('the fox'),
          (error: unknown) => error,
        );
        expect(Array.isArray(result) || result instanceof TokenizerError).toBe(true);
      }),
    );
  });
});
