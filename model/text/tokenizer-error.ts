/**
 * Everything that can be wrong with a tokenizer, in words.
 *
 * A tokenizer comes with an image or a checkpoint from anywhere, so nothing in it is trusted, and each refusal says
 * what to do instead.
 */

import { MmfreeError } from '../../protocol/errors.js';
import { quoted } from '../quoted.js';

export type TokenizerErrorCode =
  /** The image or checkpoint has none. */
  | 'tokenizer-missing'
  /** Larger than any real one. */
  | 'tokenizer-too-large'
  /** Not JSON, or a value of the wrong type. */
  | 'tokenizer-malformed'
  /** A step that this program does not compute, or will not take from an untrusted file. */
  | 'tokenizer-unsupported'
  /** Its tokens are not those of the model, or cannot spell every text. */
  | 'tokenizer-does-not-fit';

/** A tokenizer that cannot be used. */
export class TokenizerError extends MmfreeError<TokenizerErrorCode> {}

const TAKE_ORIGINAL = 'Take the tokenizer.json that was published with the model; an image is packed again with it.';

/** What is wrong with the tokenizer in a file is an error that names it. @param path undefined: it is in an image */
export function namingFile<T>(path: string | undefined, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (path === undefined || !(error instanceof TokenizerError)) throw error;
    const { code, message, reason, fix, facts, cause } = error;
    throw new TokenizerError(code, `${path}: ${message}`, { reason, fix, facts: { ...facts, file: path }, cause });
  }
}

export function tokenizerMissing(): TokenizerError {
  return new TokenizerError('tokenizer-missing', 'this model comes without a tokenizer', {
    reason: 'There is no tokenizer.json in its checkpoint.',
    fix: 'Put tokenizer.json into the checkpoint folder, and pack it again for an image.',
  });
}

export function tokenizerTooLarge(bytes: number, limitBytes: number): TokenizerError {
  return new TokenizerError('tokenizer-too-large', `the tokenizer has ${bytes} bytes; at most ${limitBytes} are read`, {
    reason: 'No real tokenizer for 65,536 tokens is that large.',
    fix: TAKE_ORIGINAL,
    facts: { bytes, limit_bytes: limitBytes },
  });
}

export function tokenizerNotJson(cause: unknown): TokenizerError {
  return new TokenizerError('tokenizer-malformed', 'the tokenizer is not a JSON object', {
    reason: cause instanceof Error ? cause.message : 'Its content cannot be parsed.',
    fix: TAKE_ORIGINAL,
    cause,
  });
}

/**
 * @param where the key, such as `model.vocab`
 * @param expected completes "… must be …"
 */
export function malformedTokenizer(where: string, expected: string): TokenizerError {
  return new TokenizerError('tokenizer-malformed', `the tokenizer's ${where} is malformed`, {
    reason: `It must be ${expected}.`,
    fix: TAKE_ORIGINAL,
    facts: { key: where },
  });
}

/**
 * @param where the key, such as `pre_tokenizer`
 * @param found what is there, as the file spells it
 * @param supported completes "Supported is …"
 */
export function unsupportedTokenizer(where: string, found: unknown, supported: string): TokenizerError {
  return new TokenizerError('tokenizer-unsupported', `the tokenizer's ${where} is ${shown(found)}`, {
    reason: `Supported is ${supported}.`,
    fix: 'Use a byte-level BPE tokenizer or one in the style of Llama and Mistral, or work with token ids.',
    facts: { key: where },
  });
}

/** @param form such as `NFKC` */
export function unicodeNormalizer(form: string): TokenizerError {
  return new TokenizerError('tokenizer-unsupported', `the tokenizer's normalizer is ${quoted(form)}`, {
    reason: 'Its result depends on a version of Unicode: that of Node is another than that of the published library.',
    fix: `Take ${form} out of the normalizer if your prompts are in that form already, or work with token ids.`,
    facts: { key: 'normalizer' },
  });
}

/** @param where `pre_tokenizer` or `decoder` */
export function contradictoryPrefix(where: string, scheme: string): TokenizerError {
  return new TokenizerError('tokenizer-unsupported', `the tokenizer's ${where}.add_prefix_space is false`, {
    reason: `Its prepend_scheme ("always" if there is none) is "${scheme}"; the published library refuses the two together.`,
    fix: `Write "prepend_scheme": "never" into the ${where} of tokenizer.json if no space belongs in front of a text.`,
    facts: { key: `${where}.add_prefix_space` },
  });
}

/** @param id what the file says  @param published what the Rust library makes of it */
export function renumberedToken(content: string, id: number, published: number): TokenizerError {
  return new TokenizerError(
    'tokenizer-does-not-fit',
    `the added token ${quoted(content)} has the id ${id} in the file only`,
    {
      reason: `The published library numbers added tokens from the end of the vocabulary on: for it the id is ${published}.`,
      fix: `Give it the id ${published} if the model was trained so, or give the ids between to tokens of the vocabulary.`,
      facts: { id, published_id: published },
    },
  );
}

/** @param problem a whole clause without the period */
export function tokenizerDoesNotFit(problem: string): TokenizerError {
  return new TokenizerError('tokenizer-does-not-fit', 'the tokenizer does not fit the model', {
    reason: `${problem}.`,
    fix: TAKE_ORIGINAL,
  });
}

/** Lists and objects are not spelt out: they may be nested deeper than the stack. */
function shown(value: unknown): string {
  if (value === undefined) return 'absent';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? quoted(value) : JSON.stringify(value);
}
