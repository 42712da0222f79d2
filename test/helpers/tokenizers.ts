/** Tokenizers to test with: the shipped one, and a small one in the style of Mistral's. */

import { readFileSync } from 'node:fs';
import type { TokenIds } from '../../model/text/tokenizer-file.js';

/** What tests read of `tokenizer.json`. */
export interface TokenizerJson {
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly string[];
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

const TALES = new URL('../../models/tales-9m/', import.meta.url);

export function talesFile(name: string): Uint8Array {
  return readFileSync(new URL(name, TALES));
}

/** A byte-level tokenizer as Hugging Face trained it. */
export function talesTokenizer(): TokenizerJson {
  return JSON.parse(new TextDecoder().decode(talesFile('tokenizer.json'))) as TokenizerJson;
}

export const TALES_IDS: TokenIds = { vocabSize: 4096, bosTokenId: 0, eosTokenId: 0 };

/** `tokenizer.json` with the steps of Mistral-7B-v0.1: special tokens, 256 byte tokens, characters and a few merges. */
export function mistralStyleTokenizer(): TokenizerJson {
  const bytes = Array.from({ length: 256 }, (_, byte) => byteToken(byte));
  const merges = ['▁ t', 'h e', '▁t he', '▁ ▁', '▁▁ ▁▁', 'i n', 'e r', '▁ é', '▁ 🦊'];
  const merged = merges.map((merge) => merge.replace(' ', ''));
  const characters = Array.from('▁abcdefghijklmnopqrstuvwxyz.,é🦊');
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...merged, ...characters];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: ['<unk>', '<s>', '</s>'].map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '<unk>',
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

export const MISTRAL_STYLE_IDS: TokenIds = { vocabSize: 320, bosTokenId: 1, eosTokenId: 2 };

/** The token that stands for one byte in that style. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

/** A copy of `json` with `value` at `path`, the keys from the outside in; undefined takes the key away. */
export function changed(json: TokenizerJson, path: readonly (string | number)[], value: unknown): TokenizerJson {
  const copy = structuredClone(json);
  const parent = path.slice(0, -1).reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], copy);
  if (Array.isArray(parent) && path.at(-1) === parent.length) parent.push(value);
  else (parent as Record<string, unknown>)[path.at(-1) ?? ''] = value;
  return copy;
}

export function toBytes(json: TokenizerJson): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(json));
}
