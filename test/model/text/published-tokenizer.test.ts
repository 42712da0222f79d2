/**
 * Equality with the Rust library `tokenizers`, which is what the Python side runs. Its build for Node is the oracle.
 */

import fc from 'fast-check';
import { Tokenizer } from 'tokenizers';
import { afterAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../../model/text/tokenizer.js';
import { count, figure } from '../../helpers/counts.js';
import { acceptedStyles, hardTexts, printingAsWritten, type TokenizerStyle } from '../../helpers/tokenizer-styles.js';
import { byteToken, toBytes } from '../../helpers/tokenizers.js';

const TEXTS = count(100, 5000);
const SEQUENCES = count(40, 2000);
const SEED = 15;

const total = { styles: 0, texts: 0, sequences: 0 };
const texts = fc.sample(hardTexts(), { numRuns: TEXTS, seed: SEED });

describe.each(acceptedStyles())('the tokenizer "$name"', (style) => {
  const encoder = Tokenizer.fromString(JSON.stringify(style.json));
  const decoder = Tokenizer.fromString(JSON.stringify(printingAsWritten(style.json)));

  it('gives the ids of the published library', async () => {
    const { encode } = await loadTokenizer(toBytes(style.json), style.ids);
    const encodings = await encoder.encodeBatch(texts, { addSpecialTokens: false });
    const differ = texts.filter((text, i) => !sameIds(encode(text), encodings[i]?.getIds()));
    expect(differ).toEqual([]);
    total.styles++;
    total.texts += texts.length;
  });

  it('prints what the published library decodes, of any ids, whole and cut anywhere, and takes nothing back', async () => {
    const { encode, textStream } = await loadTokenizer(toBytes(style.json), style.ids);
    const encoded = texts.slice(0, SEQUENCES).map((text) => encode(text).slice(0, 24));
    const sequences = [...encoded, ...fc.sample(anyIds(style), { numRuns: SEQUENCES, seed: SEED })];
    const beginnings = sequences.flatMap((ids) => Array.from({ length: ids.length + 1 }, (_, i) => ids.slice(0, i)));
    const decoded = await decoder.decodeBatch(beginnings, true);
    const printed = sequences.flatMap((ids) => {
      const stream = textStream();
      let shown = '';
      const whole = [''];
      for (const [i, id] of ids.entries()) {
        shown += stream.push(id);
        whole.push(shown + atEnd(textStream, ids.slice(0, i + 1)).slice(shown.length));
      }
      return whole;
    });
    const differ = beginnings.flatMap((ids, i) =>
      printed[i] === decoded[i] ? [] : [{ ids, printed: printed[i], decoded: decoded[i] }],
    );
    expect(differ.slice(0, 3)).toEqual([]);
    total.sequences += beginnings.length;
  });
});

afterAll(() => {
  figure(
    'tokenizers: texts encoded and token sequences decoded otherwise than by the Rust library',
    `0 of ${total.texts} and 0 of ${total.sequences}, ${total.styles} tokenizers`,
  );
});

function atEnd(textStream: () => { push(id: number): string; flush(): string }, ids: readonly number[]): string {
  const stream = textStream();
  return ids.map((id) => stream.push(id)).join('') + stream.flush();
}

function sameIds(ours: readonly number[], theirs: readonly number[] | undefined): boolean {
  return ours.length === theirs?.length && ours.every((id, i) => id === theirs[i]);
}

/** Ids of a model, single bytes among them more often than a model would choose them. */
function anyIds({ json, ids }: TokenizerStyle): fc.Arbitrary<number[]> {
  const { vocab } = json.model;
  const bytes = Array.from({ length: 256 }, (_, byte) => vocab[byteToken(byte)] ?? -1).filter((id) => id >= 0);
  const continuation = bytes.slice(0x80, 0xc0);
  const any = fc.nat(ids.vocabSize - 1);
  const id = bytes.length === 0 ? any : fc.oneof(any, fc.constantFrom(...bytes), fc.constantFrom(...continuation));
  return fc.array(id, { maxLength: 20 });
}
