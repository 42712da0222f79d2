/**
 * The steps of a tokenizer in front of and behind its BPE model, checked one by one.
 *
 * A file may ask for any regular expression, which on the right text runs for hours, and for replacements that multiply
 * the text. So only the steps
 * of two families are let through, and only their known fields: byte-level BPE (GPT-2) and the style of Llama and
 * Mistral, with ▁ for a space and byte fallback. The format is that of the Rust library `tokenizers`.
 */

import { isJsonObject } from '../json-object.js';
import type { Normalization } from './encoder.js';
import type { TokenTexts } from './text-stream.js';
import { contradictoryPrefix, malformedTokenizer, unicodeNormalizer, unsupportedTokenizer } from './tokenizer-error.js';
import type { Words } from './words.js';

/** Any JSON object. */
export type JsonFields = Readonly<Record<string, unknown>>;

/** How tokens become text. */
export type Decoding =
  | { readonly style: 'byte-level' }
  | {
      readonly style: 'byte-fallback';
      /** Of one character each, in order. */
      readonly replacements: readonly Replacement[];
      readonly strip: TokenTexts['strip'];
    };

interface Replacement {
  readonly from: string;
  readonly to: string;
  /** What it becomes in the first token instead. */
  readonly toInFirst: string;
}

const MAX_STEPS = 8;
const PREPEND_SCHEMES = ['always', 'first', 'never'] as const;
/** The order in which the decoders of the byte-fallback style make sense. */
const DECODER_ORDER: readonly unknown[] = ['Replace', 'Metaspace', 'ByteFallback', 'Fuse', 'Strip'];

/** `normalizer`: null, `Prepend` and `Replace` of one character, or a `Sequence` of those. */
export function checkNormalizer(value: unknown): Normalization[] {
  if (value === undefined || value === null) return [];
  return steps('normalizer', value, 'normalizers').map((step): Normalization => {
    switch (step['type']) {
      case 'Prepend':
        return { type: 'prepend', text: character('normalizer.prepend', step['prepend']) };
      case 'Replace':
        return { type: 'replace', ...replacement('normalizer', step) };
      case 'NFC':
      case 'NFD':
      case 'NFKC':
      case 'NFKD':
        throw unicodeNormalizer(step['type']);
      default:
        throw unsupportedTokenizer('normalizer', step['type'], 'Prepend, Replace, or a Sequence of these');
    }
  });
}

/** `pre_tokenizer`: null, `ByteLevel` or `Metaspace`. */
export function checkPreTokenizer(value: unknown): Words {
  const where = 'pre_tokenizer';
  if (value === undefined || value === null) return { style: 'whole' };
  const step = object(where, value);
  switch (step['type']) {
    case 'ByteLevel':
      return {
        style: 'byte-level',
        addPrefixSpace: boolean(`${where}.add_prefix_space`, step['add_prefix_space'], true),
        split: boolean(`${where}.use_regex`, step['use_regex'], true),
      };
    case 'Metaspace':
      return {
        style: 'metaspace',
        mark: character(`${where}.replacement`, step['replacement']),
        prepend: prependScheme(where, step),
        split: boolean(`${where}.split`, step['split'] ?? undefined, true),
      };
    default:
      throw unsupportedTokenizer(where, step['type'], 'ByteLevel or Metaspace');
  }
}

/** `decoder`: `ByteLevel`, or a `Sequence` in `DECODER_ORDER` with `ByteFallback`. */
export function checkDecoder(value: unknown): Decoding {
  const decoders = steps('decoder', value, 'decoders');
  const types = decoders.map((step) => step['type']);
  if (types.length === 1 && types[0] === 'ByteLevel') return { style: 'byte-level' };

  const ranks = types.map((type) => DECODER_ORDER.indexOf(type));
  const unknown = ranks.indexOf(-1);
  // Only Replace may come twice.
  const ordered = ranks.every((rank, i) => i === 0 || rank > ranks[i - 1] || (rank === 0 && ranks[i - 1] === 0));
  const complete = types.includes('ByteFallback') && (!types.includes('Strip') || types.includes('Fuse'));
  if (unknown >= 0 || !ordered || !complete) {
    const found = unknown >= 0 ? types[unknown] : types.join(', ');
    throw unsupportedTokenizer(
      'decoder',
      found,
      'ByteLevel, or a Sequence with ByteFallback of Replace, Metaspace, ByteFallback, Fuse, Strip, in this order',
    );
  }

  const replacements: Replacement[] = [];
  let strip = { character: '', count: 0 };
  for (const step of decoders) {
    if (step['type'] === 'Replace') {
      const { from, to } = replacement('decoder', step);
      replacements.push({ from, to, toInFirst: to });
    }
    if (step['type'] === 'Metaspace') {
      const from = character('decoder.replacement', step['replacement']);
      // Every mark of the first token is lost, not only one in front.
      replacements.push({ from, to: ' ', toInFirst: prependScheme('decoder', step) === 'never' ? ' ' : '' });
    }
    if (step['type'] === 'Strip') strip = checkStrip(step);
  }
  return { style: 'byte-fallback', replacements, strip };
}

function checkStrip(step: JsonFields): TokenTexts['strip'] {
  const { start, stop } = step;
  if (stop !== 0)
    throw unsupportedTokenizer('decoder.stop', stop, '0: the end of a text is not known while it streams');
  if (typeof start !== 'number' || !Number.isInteger(start) || start < 0) {
    throw malformedTokenizer('decoder.start', 'a natural number');
  }
  return { character: character('decoder.content', step['content']), count: start };
}

/**
 * `prepend_scheme` of a Metaspace, and `add_prefix_space`, which it replaced. As in the Rust library, `true` says
 * nothing, and `false` beside another scheme than `never` is an error: it does not guess either.
 */
function prependScheme(where: string, step: JsonFields): (typeof PREPEND_SCHEMES)[number] {
  const { prepend_scheme: value = 'always', add_prefix_space: addsSpace } = step;
  const scheme = PREPEND_SCHEMES.find((known) => known === value);
  if (scheme === undefined) {
    throw unsupportedTokenizer(`${where}.prepend_scheme`, value, '"always", "first" or "never"');
  }
  if (boolean(`${where}.add_prefix_space`, addsSpace ?? undefined, true) || scheme === 'never') return scheme;
  throw contradictoryPrefix(where, scheme);
}

function replacement(where: string, step: JsonFields): Pick<Replacement, 'from' | 'to'> {
  const pattern = object(`${where}.pattern`, step['pattern']);
  if (pattern['String'] === undefined) {
    throw unsupportedTokenizer(`${where}.pattern`, 'Regex', '{"String": …}: a regular expression may never end');
  }
  return {
    from: character(`${where}.pattern`, pattern['String']),
    to: character(`${where}.content`, step['content']),
  };
}

/** The steps of a `Sequence`, or the one step that `value` is. */
function steps(where: string, value: unknown, listKey: string): JsonFields[] {
  const step = object(where, value);
  if (step['type'] !== 'Sequence') return [step];
  const list = step[listKey];
  if (!Array.isArray(list) || list.length > MAX_STEPS) {
    throw malformedTokenizer(`${where}.${listKey}`, `a list of at most ${MAX_STEPS} steps`);
  }
  return list.map((item) => object(where, item));
}

function object(where: string, value: unknown): JsonFields {
  if (!isJsonObject(value)) throw malformedTokenizer(where, 'an object');
  return value;
}

/** Absent counts as `fallback`. */
export function boolean(where: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean') throw malformedTokenizer(where, 'true or false');
  return value;
}

/** One for one: replacing by longer text would let a small file ask for terabytes. */
function character(where: string, value: unknown): string {
  if (typeof value !== 'string') throw malformedTokenizer(where, 'a string');
  if (value.length !== 1) throw unsupportedTokenizer(where, value, 'a single character');
  return value;
}
