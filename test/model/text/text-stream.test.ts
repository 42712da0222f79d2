import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHARACTER_OF_BYTE } from '../../../model/text/byte-level.js';
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

const METASPACE = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: false };

function metaspaceTokenizer(): TokenizerJson {
  const json = changed(changed(mistralStyleTokenizer(), ['normalizer'], null), ['pre_tokenizer'], METASPACE);
  return changed(json, ['decoder'], { type: 'Sequence', decoders: [METASPACE, { type: 'ByteFallback' }] });
}

const styles: [string, TokenizerJson, TokenIds, string][] = [
  ['byte-level', talesTokenizer(), TALES_IDS, '\ufffd'],
  ['byte-fallback', mistralStyleTokenizer(), MISTRAL_STYLE_IDS, '\ufffd\ufffd'],
  ['byte-fallback with Metaspace', metaspaceTokenizer(), MISTRAL_STYLE_IDS, '\ufffd\ufffd'],
];

describe.each(styles)('TextStream of a %s tokenizer', (style, json, ids, incomplete) => {
  const loaded = loadTokenizer(toBytes(json), ids);
  async function pieces(tokens: readonly number[]): Promise<string[]> {
    const stream = (await loaded).textStream();
    return [...tokens.map((id) => stream.push(id)), stream.flush()];
  }

  it('prints any text that was encoded, in whole characters', async () => {
    await fc.assert(
      // Tokenizers of the SentencePiece kind write U+2581 for a space, so they cannot tell the two apart, nor whether a
      // text began with a space of its own.
      fc.asyncProperty(
        fc.string({ unit: 'grapheme' }).map((any) => `x${any.replaceAll('\u2581', '_')}`),
        async (text) => {
          const printed = await pieces((await loaded).encode(text));
          expect(printed.join('')).toBe(text);
          for (const piece of printed) expect(piece).not.toMatch(/\p{Surrogate}/u);
        },
      ),
    );
  });

  it('holds an emoji back until its last byte', async () => {
    const bytes = Array.from(new TextEncoder().encode('🐉'), (byte) => byteId(json, byte));
    const shown = (await pieces(bytes)).join('|');
    expect(shown).toBe(style === 'byte-level' ? '|||🐉|' : '||||🐉');
  });

  it('prints a character that never becomes complete as the published library does', async () => {
    expect(await pieces([byteId(json, 0xe2), byteId(json, 0x82)])).toEqual(['', '', incomplete]);
  });

  it('prints nothing for the end of a text, even between the bytes of a character', async () => {
    const [first, second] = [byteId(json, 0xc3), byteId(json, 0xa9)];
    expect((await pieces([first, ids.eosTokenId, second])).join('')).toBe('é');
  });

  it('keeps the space between a prompt and what follows', async () => {
    const { encode, textStream } = await loaded;
    const prompt = encode('he');
    const stream = textStream();
    for (const id of prompt) stream.push(id);
    const following = encode('he the').slice(prompt.length);
    expect(following.map((id) => stream.push(id)).join('')).toBe(' the');
  });

  it('goes on in another stream, wherever it is cut', async () => {
    const { textStream } = await loaded;
    // Bytes of characters, whole ones and broken ones, among other tokens.
    const byte = fc
      .constantFrom(0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xff, 0x41)
      .map((b) => byteId(json, b));
    const token = fc.oneof({ weight: 4, arbitrary: byte }, fc.nat(ids.vocabSize - 1));
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), fc.nat(12), (tokens, cut) => {
        const whole = textStream();
        const first = textStream();
        const second = textStream();
        const before = tokens.slice(0, cut).map((id) => first.push(id));
        expect(second.resume(structuredClone(first.held()))).toBe('');
        const after = tokens.slice(cut).map((id) => second.push(id));
        expect([...before, ...after, second.flush()]).toEqual([...tokens.map((id) => whole.push(id)), whole.flush()]);
      }),
    );
  });

  it('shows at once what no stream would have held back', async () => {
    const stream = (await loaded).textStream();
    const run = Uint8Array.of(0xff, 0x41, 0xe2);
    const shown = stream.resume({ hasBegun: true, stripLeft: 0, run, isRunBroken: false });
    expect(shown + stream.flush()).toBe(style === 'byte-level' ? '\ufffdA\ufffd' : '\ufffd\ufffd\ufffd');
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

  it('shows bytes only when later ones cannot take them back', async () => {
    const json = mistralStyleTokenizer();
    const bytes = (text: string): number[] => Array.from(new TextEncoder().encode(text), (byte) => byteId(json, byte));
    const a = json.model.vocab['a'] ?? -1;
    const { textStream } = await loadTokenizer(toBytes(json), MISTRAL_STYLE_IDS);
    const shown = (ids: readonly number[]): string[] => {
      const stream = textStream();
      return [...ids.map((id) => stream.push(id)), stream.flush()];
    };
    expect(shown([...bytes('éü'), a])).toEqual(['', '', '', '', 'éüa', '']);
    // Once the run is broken, there is nothing left to wait for.
    expect(shown([...bytes('é'), byteId(json, 0xff), ...bytes('z'), a])).toEqual(['', '', '���', '�', 'a', '']);
  });

  it('is empty for no tokens', async () => {
    expect((await loadTokenizer(toBytes(mistralStyleTokenizer()), MISTRAL_STYLE_IDS)).textStream().flush()).toBe('');
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
  return vocab[byteToken(byte)] ?? vocab[CHARACTER_OF_BYTE[byte] ?? ''] ?? -1;
}
