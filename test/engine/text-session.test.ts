/** What is shown of tokens that a test gives: nothing is computed here. */
import { describe, expect, it } from 'vitest';
import { TextSession, type TextStep } from '../../engine/text-session.js';
import { samplerSettings } from '../../model/integer/sampler.js';
import type { GeneratedToken } from '../../model/machine/machine.js';
import { loadTokenizer } from '../../model/text/tokenizer.js';
import { zeroState } from '../../protocol/state/sequence-state.js';
import { MAX_HELD_BYTES, type SavedState } from '../../protocol/state/state-file.js';
import { gathered, referenceOf } from '../helpers/machines.js';
import { TINY_SHAPE, tinySections } from '../helpers/tiny-image.js';
import { TALES_IDS, talesTokenizer, toBytes } from '../helpers/tokenizers.js';

const END = TALES_IDS.eosTokenId;
const machine = referenceOf(tinySections(1, { ...TINY_SHAPE, ...TALES_IDS, eosTokenId: END }));
const tokenizer = await loadTokenizer(toBytes(talesTokenizer()), TALES_IDS);
const sampler = samplerSettings({ temperature: 0, topK: 1, topP: 1, seed: 1n });

function savedWith(text: string): SavedState {
  const { image, shape } = machine.facts;
  const state = { ...zeroState(shape), position: 1 };
  const held = { hasBegun: true, stripLeft: 0, text: new TextEncoder().encode(text), run: new Uint8Array(0) };
  return { image: image.sha256, shape, state, held: { ...held, isRunBroken: false } };
}

/** A text to which tokens are given. */
class GivenText {
  readonly #session: Promise<TextSession>;

  /** @param held text that it begins with, held back */
  constructor(held?: string) {
    this.#session = TextSession.open(machine, tokenizer, held === undefined ? undefined : savedWith(held));
  }

  /** @param tokens ids, or text whose ids are given @param prompt of ids */
  async steps(tokens: readonly (string | number)[], stop: readonly string[] = [], prompt = [0]): Promise<TextStep[]> {
    const ids = tokens.flatMap((part) => (typeof part === 'number' ? part : tokenizer.encode(part, true)));
    async function* source(): AsyncGenerator<GeneratedToken> {
      for (const [index, id] of ids.entries()) yield await Promise.resolve({ index, id, receipt: 0 });
    }
    const request = { prompt, maxTokens: ids.length, sampler, stop, source };
    return await gathered((await this.#session).generate(request));
  }

  async shown(...request: Parameters<GivenText['steps']>): Promise<[string, string | undefined]> {
    const steps = await this.steps(...request);
    return [steps.map(({ opening, text }) => (opening?.before ?? '') + text).join(''), steps.at(-1)?.end];
  }

  async flush(): Promise<string> {
    return (await this.#session).flush();
  }

  async flushExcess(): Promise<string> {
    return await (await this.#session).flushExcess();
  }
}

describe('a text', () => {
  it('ends before a stop string, and goes on with what came behind it', async () => {
    const text = new GivenText();
    expect(await text.shown(['one the'], ['h'])).toEqual(['one t', 'stop']);
    expect(await text.shown([' four'], [], [])).toEqual(['e four', 'max-tokens']);
  });

  it('that was held back may end it before there is a token, once', async () => {
    const text = new GivenText();
    expect(await text.shown(['one the'], ['t'])).toEqual(['one ', 'stop']);
    const steps = await text.steps([' four'], ['e'], []);
    expect(steps).toEqual([{ opening: { before: 'h', prompt: '' }, added: '', text: '', end: 'stop' }]);
    expect(await text.shown([' four'], ['e'], [])).toEqual([' four', 'max-tokens']);
  });

  it('holds back what may begin a stop string, until a prompt follows', async () => {
    const text = new GivenText();
    expect(await text.shown(['one tw'], ['two'])).toEqual(['one ', 'max-tokens']);
    const [first] = await text.steps(['o'], ['two'], tokenizer.encode('o three', true));
    expect(first).toMatchObject({ opening: { before: 'tw', prompt: 'o three' }, text: 'o' });
  });

  it('is over at an end token, which completes no character', async () => {
    const text = new GivenText();
    const [first, ...others] = tokenizer.encode('é', true);
    expect(others).toHaveLength(1);
    const steps = await text.steps(['one', first!, END], ['xyz']);
    expect(steps.at(-1)).toMatchObject({ added: '\ufffd', text: '\ufffd', end: 'end-of-text' });
    expect(await text.flush()).toBe('');
  });

  it('shows all that is held back where nothing follows', async () => {
    const text = new GivenText();
    const [first] = tokenizer.encode('é', true);
    expect(await text.shown(['tw', first!], ['two'])).toEqual(['', 'max-tokens']);
    expect(await text.flush()).toBe('tw\ufffd');
  });

  it('shows what is too much for a state, and nothing else', async () => {
    const much = 'a'.repeat(MAX_HELD_BYTES);
    const text = new GivenText(much);
    expect(await text.shown(['b'], [`${much}bc`], [])).toEqual(['', 'max-tokens']);
    expect(await text.flushExcess()).toBe(`${much}b`);
    expect(await text.shown(['b'], ['bc'])).toEqual(['', 'max-tokens']);
    expect(await text.flushExcess()).toBe('');
  });
});
