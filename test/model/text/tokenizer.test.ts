import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BYTE_OF_CHARACTER, byteLevelBytes } from '../../../model/text/byte-level.js';
import { loadTokenizer } from '../../../model/text/tokenizer.js';
import {
  changed,
  MISTRAL_STYLE_IDS,
  mistralStyleTokenizer,
  TALES_IDS,
  talesFile,
  talesTokenizer,
  toBytes,
  type TokenizerJson,
} from '../../helpers/tokenizers.js';

const tales = loadTokenizer(talesFile('tokenizer.json'), TALES_IDS);
const mistralStyle = loadTokenizer(toBytes(mistralStyleTokenizer()), MISTRAL_STYLE_IDS);

describe('a byte-level tokenizer', () => {
  it('gives the ids of the published tokenizer for the prompts of the reference data', async () => {
    const { encode } = await tales;
    const { greedy } = JSON.parse(new TextDecoder().decode(talesFile('eval.json'))) as {
      greedy: { prompt: string; prompt_ids: number[] }[];
    };
    const expected = greedy.map((run) => run.prompt_ids);
    expect(greedy.map((run) => [TALES_IDS.bosTokenId, ...encode(run.prompt)])).toEqual(expected);
  });

  it('merges pairs in the order of the merge list', async () => {
    const json = talesTokenizer();
    const { encode } = await tales;
    const characters = new Map(Array.from(BYTE_OF_CHARACTER, ([character, byte]) => [byte, character]));
    fc.assert(
      fc.property(fc.stringMatching(/^ ?[a-zéß]{0,20}$/), (word) => {
        const symbols = Array.from(new TextEncoder().encode(word), (byte) => characters.get(byte) ?? '');
        expect(encode(word)).toEqual(mergeOneByOne(json, symbols));
      }),
    );
  });

  it('gives a word the same ids however many others were before', async () => {
    const load = async () => await loadTokenizer(talesFile('tokenizer.json'), TALES_IDS);
    const [atOnce, oneByOne] = [await load(), await load()];
    // More than are kept.
    const words = Array.from({ length: 25_000 }, (_, i) => ` ${(i * 17 + 9999).toString(36).replaceAll(/\d/g, 'e')}`);
    const expected = words.toReversed().map((word) => oneByOne.encode(word));
    expect(atOnce.encode(words.join('').repeat(2))).toEqual(
      [...expected.toReversed(), ...expected.toReversed()].flat(),
    );
  });

  it('makes the end-of-text token of its name and adds none of its own', async () => {
    const { encode } = await tales;
    expect(encode('')).toEqual([]);
    expect(encode('<|endoftext|>')).toEqual([0]);
  });

  it('is written in the byte alphabet', () => {
    const { vocab } = talesTokenizer().model;
    expect(Object.keys(vocab).filter((token) => byteLevelBytes(token) === undefined)).toEqual([]);
  });
});

describe('a tokenizer in the style of Mistral', () => {
  it.each([
    ['puts a space in front', 'the', ['▁the']],
    ['marks spaces', 'a  b', ['▁', 'a', '▁▁', 'b']],
    ['spells what has no token byte by byte', 'ü', ['▁', '<0xC3>', '<0xBC>']],
    ['makes special tokens of their names', 'a</s>', ['▁', 'a', '</s>']],
  ])('%s', async (_title, text, tokens) => {
    const { vocab } = mistralStyleTokenizer().model;
    expect((await mistralStyle).encode(text)).toEqual(tokens.map((token) => vocab[token]));
  });

  it('puts none in front of what goes on with a text, only behind a special token', async () => {
    const { vocab } = mistralStyleTokenizer().model;
    const ids = (await mistralStyle).encode('the</s>the', true);
    expect(ids).toEqual(['t', 'he', '</s>', '▁the'].map((token) => vocab[token]));
    const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: false };
    const json = changed(changed(mistralStyleTokenizer(), ['normalizer'], null), ['pre_tokenizer'], metaspace);
    const { encode } = await loadTokenizer(toBytes(json), MISTRAL_STYLE_IDS);
    expect(encode('the</s>the', true)).toEqual(ids);
    const spaced = changed(talesTokenizer(), ['pre_tokenizer', 'add_prefix_space'], true);
    const byteLevel = await loadTokenizer(toBytes(spaced), TALES_IDS);
    expect(byteLevel.encode('the')).toEqual(byteLevel.encode(' the'));
    expect(byteLevel.encode('the', true)).toEqual((await tales).encode('the'));
  });

  it('merges pairs in the order of the merge list', async () => {
    const json = mistralStyleTokenizer();
    const { encode } = await mistralStyle;
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('ther iné🦊')), minLength: 1 }), (text) => {
        expect(encode(text)).toEqual(mergeOneByOne(json, Array.from(`▁${text.replaceAll(' ', '▁')}`)));
      }),
    );
  });

  it('takes the merge list as pairs of strings, too', async () => {
    const json = mistralStyleTokenizer();
    const pairs = json.model.merges.map((merge) => merge.split(' '));
    const { encode } = await loadTokenizer(toBytes(changed(json, ['model', 'merges'], pairs)), MISTRAL_STYLE_IDS);
    expect(encode('the fox')).toEqual((await mistralStyle).encode('the fox'));
  });

  it('takes Metaspace in place of the normalizer', async () => {
    const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false };
    const json = changed(changed(mistralStyleTokenizer(), ['normalizer'], null), ['pre_tokenizer'], metaspace);
    const { encode } = await loadTokenizer(toBytes(json), MISTRAL_STYLE_IDS);
    expect(encode('the fox')).toEqual((await mistralStyle).encode('the fox'));
  });
});

it.each([
  ['byte-level', tales, TALES_IDS],
  ['Mistral-style', mistralStyle, MISTRAL_STYLE_IDS],
])('a %s tokenizer makes ids of the vocabulary of any text', async (_style, loaded, { vocabSize }) => {
  const { encode } = await loaded;
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const id of encode(text)) expect(id).toBeLessThan(vocabSize);
    }),
  );
});

/** Byte-pair encoding as first published: as long as there is one, join the leftmost pair of the lowest rank. */
function mergeOneByOne(json: TokenizerJson, characters: readonly string[]): (number | undefined)[] {
  const rank = new Map(json.model.merges.map((merge, i) => [[merge].flat().join(' '), i]));
  let symbols = characters;
  for (;;) {
    const ranks = symbols.slice(1).map((right, i) => rank.get(`${symbols[i]} ${right}`) ?? Infinity);
    const best = Math.min(...ranks);
    if (best === Infinity) return symbols.map((symbol) => json.model.vocab[symbol]);
    const at = ranks.indexOf(best);
    symbols = symbols.toSpliced(at, 2, `${symbols[at]}${symbols[at + 1]}`);
  }
}
