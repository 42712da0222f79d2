import * as huggingFace from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BYTE_OF_CHARACTER } from '../../../model/text/byte-level.js';
import { loadTokenizer } from '../../../model/text/tokenizer.js';
import type { TokenIds } from '../../../model/text/tokenizer-file.js';
import {
  byteToken,
  changed,
  MISTRAL_STYLE_IDS,
  mistralStyleTokenizer,
  TALES_IDS,
  talesTokenizer,
  toBytes,
  type TokenizerJson,
} from '../../helpers/tokenizers.js';

/** The library as the oracle. Its declarations do not resolve under Node's module rules. */
const library: {
  readonly Tokenizer: new (json: object, config: object) => { decode(ids: number[], options: object): string };
} = huggingFace;

const CHARACTER_OF_BYTE = new Map(Array.from(BYTE_OF_CHARACTER, ([character, byte]) => [byte, character]));

const METASPACE = {
  type: 'Sequence',
  decoders: [{ type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' }, { type: 'ByteFallback' }],
};

const styles: [string, TokenizerJson, TokenIds][] = [
  ['byte-level', talesTokenizer(), TALES_IDS],
  ['byte-fallback', mistralStyleTokenizer(), MISTRAL_STYLE_IDS],
  ['byte-fallback with Metaspace', changed(mistralStyleTokenizer(), ['decoder'], METASPACE), MISTRAL_STYLE_IDS],
];

describe.each(styles)('TextStream of a %s tokenizer', (_style, json, ids) => {
  const oracle = new library.Tokenizer(json, {});
  const loaded = loadTokenizer(toBytes(json), ids);
  const anyId = fc.oneof(
    fc.constantFrom(...Object.values(json.model.vocab)),
    fc.nat(255).map((byte) => byteId(json, byte)),
  );

  async function pieces(tokens: readonly number[]): Promise<string[]> {
    const stream = (await loaded).textStream();
    return [...tokens.map((id) => stream.push(id)), stream.flush()];
  }

  it('prints any text that was encoded, in whole characters', async () => {
    await fc.assert(
      // Tokenizers of the SentencePiece kind write U+2581 for a space, so they cannot tell the two apart.
      fc.asyncProperty(
        fc.string({ unit: 'grapheme' }).map((any) => any.replaceAll('\u2581', '_')),
        async (text) => {
          const printed = await pieces((await loaded).encode(text));
          expect(printed.join('')).toBe(text);
          for (const piece of printed) expect(piece).not.toMatch(/\p{Surrogate}/u);
        },
      ),
    );
  });

  it('prints what the library decodes, for any ids', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyId, { minLength: 1, maxLength: 40 }), async (tokens) => {
        const printed = (await pieces(tokens)).join('');
        const decoded = oracle.decode(tokens, { skip_special_tokens: true, clean_up_tokenization_spaces: false });
        expect(comparable(printed)).toBe(comparable(decoded));
      }),
    );
  });

  it('holds an emoji back until its last byte', async () => {
    const bytes = Array.from(new TextEncoder().encode('🐉'), (byte) => byteId(json, byte));
    expect(await pieces(bytes)).toEqual(['', '', '', '🐉', '']);
  });

  it('prints a character that never becomes complete as U+FFFD', async () => {
    expect(await pieces([byteId(json, 0xe2), byteId(json, 0x82)])).toEqual(['', '', '\ufffd']);
  });

  it('prints nothing for the end of a text, even between the bytes of a character', async () => {
    const [first, second] = [byteId(json, 0xc3), byteId(json, 0xa9)];
    expect(await pieces([first, ids.eosTokenId, second])).toEqual(['', '', 'é', '']);
  });

  it('keeps the space between a prompt and what follows', async () => {
    const { encode, textStream } = await loaded;
    const prompt = encode('he');
    const stream = textStream();
    for (const id of prompt) stream.push(id);
    const following = encode('he the').slice(prompt.length);
    expect(following.map((id) => stream.push(id)).join('')).toBe(' the');
  });

  it.each([-1, ids.vocabSize, 0.5])('refuses the id %d', async (id) => {
    await expect(pieces([id])).rejects.toThrow(RangeError);
  });
});

describe('TextStream', () => {
  it('prints an added token as text and ends a run of bytes with it', async () => {
    const json = changed(talesTokenizer(), ['added_tokens', 1], { id: 4096, content: 'é ▁', special: false });
    const stream = (await loadTokenizer(toBytes(json), { ...TALES_IDS, vocabSize: 4100 })).textStream();
    expect(stream.push(byteId(json, 0xc3))).toBe('');
    expect(stream.push(4096)).toBe('\ufffdé ▁');
  });

  it('prints nothing for an id of the model that the tokenizer has no token for', async () => {
    const stream = (await loadTokenizer(toBytes(talesTokenizer()), { ...TALES_IDS, vocabSize: 4100 })).textStream();
    expect(stream.push(4099)).toBe('');
  });

  it('strips as many leading spaces as the decoder says', async () => {
    const json = mistralStyleTokenizer();
    const stream = (await loadTokenizer(toBytes(json), MISTRAL_STYLE_IDS)).textStream();
    const ids = ['▁', '▁', 'a', '▁'].map((token) => json.model.vocab[token] ?? -1);
    expect(ids.map((id) => stream.push(id))).toEqual(['', ' ', 'a', ' ']);
  });
});

/** The id of a single byte, in either style. */
function byteId(json: TokenizerJson, byte: number): number {
  const { vocab } = json.model;
  return vocab[byteToken(byte)] ?? vocab[CHARACTER_OF_BYTE.get(byte) ?? ''] ?? -1;
}

/** What the library and the published decoders do not agree on: the number of U+FFFD, and whether U+FEFF stays. */
function comparable(text: string): string {
  return text.replaceAll('\ufeff', '').replaceAll(/\ufffd+/g, '\ufffd');
}
