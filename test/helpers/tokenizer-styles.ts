/**
 * Tokenizers in the styles of published checkpoints, with small vocabularies, and texts that are hard for them.
 *
 * The vocabularies are trained here, on a few lines, so that pairs overlap as real ones do. All is deterministic.
 */

import fc from 'fast-check';
import { BYTE_OF_CHARACTER, byteLevelText } from '../../model/text/byte-level.js';
import type { TokenIds } from '../../model/text/tokenizer-file.js';
import { byteToken, TALES_IDS, talesTokenizer, type TokenizerJson } from './tokenizers.js';

/** A tokenizer, as a file and with the ids of a model that it fits. */
export interface TokenizerStyle {
  readonly name: string;
  readonly json: TokenizerJson;
  readonly ids: TokenIds;
}

/** What an added token is like beside its text; all false where it is absent. */
interface Flags {
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  readonly normalized?: boolean;
  readonly special?: boolean;
}

const SAMPLE = [
  "Once upon a time there was a fox, and the fox's tail was red. They're the ones that we'll see; isn't it so?",
  'The the THE then other  there    their   --- 2024 1999 12345 3.14 ... !!! (a) [b] {c}',
  'Élan vital, naïve café, Straße, über, garçon. Привет, мир! 你好,世界。こんにちは 🦊🐉 👩‍👩‍👧 é e\u0301',
  'for (let i = 0; i < n; i++) {\n\treturn x[i] + 1;\n}\n\n  indented    text\r\n',
].join('\n');

const BYTE_LEVEL_DECODER = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true };
const PREPEND = { type: 'Prepend', prepend: '▁' };
const MARK_SPACES = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
const LLAMA_NORMALIZER = { type: 'Sequence', normalizers: [PREPEND, MARK_SPACES] };
const LLAMA_DECODER = {
  type: 'Sequence',
  decoders: [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    { type: 'Strip', content: ' ', start: 1, stop: 0 },
  ],
};

/** One of each flag, some that begin like others, and some that a pattern could take for an operator. */
const ADDED: readonly (readonly [string, Flags])[] = [
  ['<s>', { special: true }],
  ['</s>', { special: true }],
  ['<pad>', { special: true, lstrip: true, rstrip: true }],
  ['<mask>', { special: true, lstrip: true }],
  ['<|end|>', { special: true, rstrip: true }],
  ['<|end|>x', {}],
  ['[left]', { lstrip: true }],
  ['[right]', { rstrip: true }],
  ['[both]', { lstrip: true, rstrip: true, normalized: true }],
  ['<n>', { normalized: true }],
  ['a b', { normalized: true }],
  ['fox', { normalized: true, lstrip: true }],
  ['$&', {}],
  ['é', {}],
  ['ü', { normalized: true }],
  ['🐉', { normalized: true, special: true }],
];

/** Tokenizers that are accepted. */
export function acceptedStyles(): TokenizerStyle[] {
  const flags = [true, false];
  return [
    { name: 'tales-9m', json: talesTokenizer(), ids: TALES_IDS },
    ...flags.flatMap((addsSpace) =>
      flags.flatMap((usesRegex) => [
        byteLevel(`byte-level, prefix ${addsSpace}, regex ${usesRegex}`, addsSpace, usesRegex, addsSpace),
      ]),
    ),
    byteLevel('byte-level without added tokens', false, true, false, []),
    ...metaspaces().map(([name, step]) => fallback(`Metaspace ${name}`, null, step, metaspaceDecoder(step))),
    fallback('Llama', LLAMA_NORMALIZER, null, LLAMA_DECODER),
    fallback('Llama, normalised special tokens', LLAMA_NORMALIZER, null, LLAMA_DECODER, (all) =>
      all.map(([content, flag]) => [content, { ...flag, normalized: true }]),
    ),
    fallback('spaces replaced without a prefix', MARK_SPACES, null, LLAMA_DECODER),
    fallback('letters replaced', replacing('a', '$'), { type: 'Metaspace', replacement: '▁' }, LLAMA_DECODER),
    fallback('Prepend before Metaspace', PREPEND, { type: 'Metaspace', replacement: '▁' }, LLAMA_DECODER),
  ];
}

function replacing(from: string, to: string): object {
  return { type: 'Replace', pattern: { String: from }, content: to };
}

/** Metaspace as newer and older files spell it. */
function metaspaces(): (readonly [string, Record<string, unknown>])[] {
  const options = ['always', 'first', 'never'].flatMap((scheme) =>
    [true, false].map((split) => ({ prepend_scheme: scheme, split })),
  );
  const older = [{}, { add_prefix_space: true }, { add_prefix_space: true, prepend_scheme: 'first' }];
  return [...options, ...older, { add_prefix_space: false, prepend_scheme: 'never' }].map((option) => [
    JSON.stringify(option),
    { type: 'Metaspace', replacement: '▁', ...option },
  ]);
}

function metaspaceDecoder(step: object): object {
  return { type: 'Sequence', decoders: [step, { type: 'ByteFallback' }, { type: 'Fuse' }] };
}

const BYTE_LEVEL_MERGES = train(SAMPLE.match(/ ?\S+|\s+/g)?.map((word) => Array.from(byteLevelText(word))) ?? [], 150);

function byteLevel(
  name: string,
  addsSpace: boolean,
  usesRegex: boolean,
  ignoresMerges: boolean,
  added: typeof ADDED = ADDED,
): TokenizerStyle {
  const special = '<|endoftext|>';
  const symbols = [special, ...BYTE_OF_CHARACTER.keys()];
  return style(name, symbols, BYTE_LEVEL_MERGES, [[special, { special: true }], ...added], {
    pre_tokenizer: { ...BYTE_LEVEL_DECODER, add_prefix_space: addsSpace, use_regex: usesRegex },
    decoder: BYTE_LEVEL_DECODER,
    model: { byte_fallback: false, ignore_merges: ignoresMerges },
  });
}

// Without 你, こ and 🐉, which are spelt byte by byte.
const MARKED = `▁${SAMPLE.replaceAll(' ', '▁')}`.split(/[你こ🐉]/u).map((text) => Array.from(text));
const MARKED_MERGES = train(MARKED, 150);

function fallback(
  name: string,
  normalizer: object | null,
  preTokenizer: object | null,
  decoder: object,
  change: (added: typeof ADDED) => typeof ADDED = (added) => added,
): TokenizerStyle {
  const bytes = Array.from({ length: 256 }, (_, byte) => byteToken(byte));
  const added: typeof ADDED = [['<unk>', { special: true }], ...ADDED];
  return style(name, ['<unk>', '<s>', '</s>', ...bytes, ...MARKED.flat()], MARKED_MERGES, change(added), {
    normalizer,
    pre_tokenizer: preTokenizer,
    decoder,
    model: { byte_fallback: true, unk_token: '<unk>', fuse_unk: true },
  });
}

/** The whole file: symbols and what pairs of them become, then the added tokens that are not among them. */
function style(
  name: string,
  symbols: readonly string[],
  merges: readonly (readonly [string, string])[],
  added: typeof ADDED,
  fields: { readonly model: object; readonly [key: string]: unknown },
): TokenizerStyle {
  const tokens = [...new Set([...symbols, ...merges.map((pair) => pair.join(''))])];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  let nextId = tokens.length;
  const addedTokens = added.map(([content, flags]) => ({
    id: vocab[content] ?? nextId++,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: false,
    ...flags,
  }));
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    normalizer: null,
    post_processor: null,
    ...fields,
    added_tokens: addedTokens,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      ignore_merges: false,
      ...fields.model,
      vocab,
      merges: merges.map(([left, right]) => `${left} ${right}`),
    },
  };
  const silent = addedTokens.filter(({ special }) => special).map(({ id }) => id);
  return {
    name,
    json,
    ids: { vocabSize: nextId, bosTokenId: silent[0] ?? 0, eosTokenId: silent[1] ?? silent[0] ?? 0 },
  };
}

/** Byte-pair encoding as it is trained: the pair that is most frequent becomes a symbol, again and again. */
function train(words: readonly string[][], count: number): (readonly [string, string])[] {
  const merges: (readonly [string, string])[] = [];
  let symbols = words;
  while (merges.length < count) {
    const counts = new Map<string, { pair: readonly [string, string]; count: number }>();
    for (const word of symbols) {
      for (let i = 1; i < word.length; i++) {
        const pair = [word[i - 1] ?? '', word[i] ?? ''] as const;
        // A file separates the two by a space.
        if (pair.some((symbol) => symbol.includes(' '))) continue;
        const key = pair.join(' ');
        const known = counts.get(key) ?? { pair, count: 0 };
        known.count++;
        counts.set(key, known);
      }
    }
    const [best] = [...counts.values()].toSorted((a, b) => b.count - a.count);
    if (!best) break;
    merges.push(best.pair);
    symbols = symbols.map((word) => joined(word, best.pair));
  }
  return merges;
}

function joined(word: readonly string[], [left, right]: readonly [string, string]): string[] {
  const result: string[] = [];
  for (let i = 0; i < word.length; i++) {
    if (word[i] === left && word[i + 1] === right) result.push(left + (word[++i] ?? ''));
    else result.push(word[i] ?? '');
  }
  return result;
}

/**
 * `json` with added tokens that print alike in all versions of the Rust library: 0.23 prints those that are looked for
 * in the normalised text as the normaliser writes them, special ones too; 0.22 as they are written, special ones not.
 */
export function printingAsWritten(json: TokenizerJson): TokenizerJson {
  const added = json['added_tokens'] as readonly object[];
  return { ...json, added_tokens: added.map((token) => ({ ...token, normalized: false })) };
}

/** Texts of everything that a step treats in its own way. */
export function hardTexts(): fc.Arbitrary<string> {
  const words = SAMPLE.split(/(\s+)/);
  const part = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...words) },
    { weight: 3, arbitrary: fc.constantFrom(...ADDED.map(([content]) => content), '<unk>', '<|endoftext|>') },
    {
      weight: 3,
      arbitrary: fc.constantFrom(' ', '  ', '   ', '\n', '\n\n', '\t', '\r\n', '\u00a0', '\u3000', '\u0085', '\ufeff'),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom('▁', '▁▁', '<0x41>', '<0xC3>', '<', 'Ġ', '$', '$1', "'", "'s", "'re", "'S"),
    },
    { weight: 2, arbitrary: fc.string({ unit: fc.constantFrom('a', 'e', 'h', 't', 'x', '.', ' '), maxLength: 8 }) },
    { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 4 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('e\u0301', '\u0345', '\u200d', '\u200b', '\u0000', '\u001f', '٣', '½', 'Ⅷ', 'ﬁ', 'ª'),
    },
  );
  return fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));
}
