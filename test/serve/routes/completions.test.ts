/** /v1/completions: texts of `run`, four shapes of prompts, what is refused, streams as clients read them. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { mmfree } from '../../helpers/command-line.js';
import { serviceOf, type Answer, type ServiceUnderTest } from '../../helpers/service.js';

const PATH = '/v1/completions';
const PROMPT = 'Once upon a time';

let tested: ServiceUnderTest;
beforeAll(async () => {
  tested = await serviceOf();
});
afterAll(async () => await tested?.close());

interface Ran {
  readonly text: string;
  readonly ids: readonly number[];
  readonly receipts: readonly string[];
}

/** What `run` says of the same: its text behind the prompt, and its events. */
async function ranOn(backend: 'reference' | 'cpu', ...options: string[]): Promise<Ran> {
  const { events } = await mmfree('run', '--json', '--backend', backend, ...options, PROMPT);
  const tokens = events().filter(({ type }) => type === 'token');
  return {
    text: tokens.map(({ text }) => String(text)).join(''),
    ids: tokens.map(({ id }) => Number(id)),
    receipts: tokens.map(({ receipt }) => String(receipt)),
  };
}

let ranOnce: Promise<Ran> | undefined;

/** With seed 5 and 40 tokens: several look at it. */
async function ran(): Promise<Ran> {
  return await (ranOnce ??= ranOn('reference', '--seed', '5', '--max-tokens', '40'));
}

describe('an answer', () => {
  it('is what run gives for the same seed, with its receipts', async () => {
    const { text, ids, receipts } = await ran();
    const answer = await tested.json(PATH, { model: 'tales-9m', prompt: PROMPT, seed: 5, max_tokens: 40 });
    expect(answer).toMatchObject({
      object: 'text_completion',
      model: 'tales-9m',
      system_fingerprint: tested.models.list[0]!.fingerprint,
      choices: [{ index: 0, text, finish_reason: 'length', logprobs: null }],
      usage: { prompt_tokens: 4, completion_tokens: 40, total_tokens: 44 },
      mmfree: { seed: '5', index: 0, tokens: ids, receipts, machine: 'cpu' },
    });
  });

  it('has what run takes where nothing is said, but for the seed, which is random', async () => {
    const { seed, tokens } = (await tested.json(PATH, { prompt: PROMPT })).mmfree;
    const { ids } = await ranOn('cpu', '--seed', seed);
    expect(tokens).toEqual(ids);
    expect((await tested.json(PATH, { prompt: PROMPT, max_tokens: 1 })).mmfree.seed).not.toBe(seed);
  });

  it('has a choice for each prompt and seed, in order', async () => {
    const asked = { prompt: [PROMPT, 'The fox'], n: 2, seed: '18446744073709551615', max_tokens: 8 };
    const { choices, usage } = await tested.json(PATH, asked);
    expect(choices.map(({ index, mmfree: { seed } }) => [index, seed])).toEqual([
      [0, '18446744073709551615'],
      [1, '0'],
      [2, '18446744073709551615'],
      [3, '0'],
    ]);
    const alone = await tested.json(PATH, { prompt: 'The fox', seed: 0, max_tokens: 8 });
    expect(choices[3]!.text).toBe(alone.choices[0]!.text);
    expect(usage.completion_tokens).toBe(32);
  });

  it('takes token ids as they are, and puts the token that begins texts in front of text only', async () => {
    const ids = [3482, 668, 259, 551];
    const bos = tested.models.list[0]!.shape.bosTokenId;
    const told = async (prompt: unknown): Promise<Answer> => {
      return await tested.json(PATH, { prompt, seed: 1, max_tokens: 10 });
    };
    const [asText, asIds, listed] = [await told(PROMPT), await told([bos, ...ids]), await told([[bos, ...ids]])];
    expect(asIds.choices[0]!.mmfree.receipts).toEqual(asText.choices[0]!.mmfree.receipts);
    expect(listed.choices[0]!.text).toBe(asText.choices[0]!.text);
    expect([asText.usage.prompt_tokens, asIds.usage.prompt_tokens]).toEqual([4, 5]);
  });

  it.each(['a poor', ['nothing of it', 'boy came'], ' live. He'])('ends before the stop string %j', async (stop) => {
    const { choices } = await tested.json(PATH, { prompt: PROMPT, seed: 5, max_tokens: 40, stop });
    const { text } = await ran();
    const [at] = [stop].flat().flatMap((one) => (text.includes(one) ? text.indexOf(one) : []));
    expect(choices[0]).toMatchObject({ text: text.slice(0, at), finish_reason: 'stop' });
    expect(choices[0]!.mmfree.tokens.length).toBeLessThan(40);
  });

  it('repeats the prompt where that is asked for, also without a token behind it', async () => {
    const echoed = await tested.json(PATH, { prompt: PROMPT, echo: true, max_tokens: 0 });
    expect(echoed.choices[0]).toMatchObject({ text: PROMPT, finish_reason: 'length' });
    const { choices } = await tested.json(PATH, { prompt: PROMPT, echo: true, max_tokens: 20, seed: 5 });
    expect(choices[0]!.text).toBe(PROMPT + (await ranOn('cpu', '--seed', '5', '--max-tokens', '20')).text);
  });
});

describe('a stream', () => {
  it('has the text of the answer, a reason at its last piece, and the usage behind it', async () => {
    const asked = { prompt: PROMPT, seed: 5, max_tokens: 40, stream_options: { include_usage: true } };
    const events = await tested.events(PATH, asked);
    const answer = await tested.json(PATH, { ...asked, stream_options: undefined });
    const usage = events.pop()!;
    expect([usage.choices, usage.usage]).toEqual([[], answer.usage]);
    expect(events.map(({ choices }) => choices[0]!.text).join('')).toBe(answer.choices[0]!.text);
    expect(events.flatMap(({ mmfree: { tokens } }) => tokens)).toEqual(answer.mmfree.tokens);
    expect(events.flatMap(({ mmfree: { receipts } }) => receipts)).toEqual(answer.mmfree.receipts);
    expect(events.map(({ choices }) => choices[0]!.finish_reason)).toEqual([
      ...events.slice(1).map(() => null),
      'length',
    ]);
    let index = 0;
    for (const { mmfree: proof } of events) {
      expect(proof).toMatchObject({ seed: '5', index, machine: 'cpu' });
      index += proof.tokens.length;
    }
  });

  it('keeps back what may become a stop string', async () => {
    const events = await tested.events(PATH, { prompt: PROMPT, seed: 5, max_tokens: 40, stop: 'live. He did not fly' });
    const text = events.map(({ choices }) => choices[0]!.text).join('');
    expect(text).toBe((await ran()).text);
  });

  it('of several choices tells each of them, and for how long', async () => {
    const events = await tested.events(PATH, { prompt: PROMPT, seed: 3, max_tokens: 12, n: 3 });
    const { choices } = await tested.json(PATH, { prompt: PROMPT, seed: 3, max_tokens: 12, n: 3 });
    for (const { index, text } of choices) {
      const own = events.filter((event) => event.choices[0]!.index === index);
      expect(own.map((event) => event.choices[0]!.text).join('')).toBe(text);
      expect(own.at(-1)!.choices[0]!.finish_reason).toBe('length');
    }
  });
});

describe('is refused with a code, and never ignored:', () => {
  test.each([
    [{ frequency_penalty: 0.5 }, 'unsupported_parameter', 'frequency_penalty'],
    [{ presence_penalty: 1 }, 'unsupported_parameter', 'presence_penalty'],
    [{ logit_bias: { 5: 100 } }, 'unsupported_parameter', 'logit_bias'],
    [{ best_of: 2 }, 'unsupported_parameter', 'best_of'],
    [{ suffix: 'the end' }, 'unsupported_parameter', 'suffix'],
    [{ tools: [{}] }, 'unsupported_parameter', 'tools'],
    [{ temperature: 11 }, 'invalid_value', 'temperature'],
    [{ temperature: '0.5' }, 'invalid_value', 'temperature'],
    [{ top_k: 65 }, 'invalid_value', 'top_k'],
    [{ top_p: 0 }, 'invalid_value', 'top_p'],
    [{ seed: -1 }, 'invalid_value', 'seed'],
    [{ seed: '18446744073709551616' }, 'invalid_value', 'seed'],
    [{ n: 129 }, 'invalid_value', 'n'],
    [{ prompt: Array.from({ length: 64 }, () => 'a'), n: 3 }, 'invalid_value', 'n'],
    [{ max_tokens: 1e6 }, 'too_many_tokens', 'max_tokens'],
    [{ prompt: [4096] }, 'invalid_value', 'prompt'],
    [{ prompt: [] }, 'invalid_value', 'prompt'],
    [{ prompt: undefined }, 'invalid_value', 'prompt'],
    [{ stop: '' }, 'invalid_value', 'stop'],
  ])('%j', async (more, code, param) => {
    const response = await tested.ask(PATH, { prompt: PROMPT, max_tokens: 2, ...more });
    expect([response.status, await response.json()]).toEqual([
      400,
      {
        error: {
          type: 'invalid_request_error',
          code,
          param,
          message: expect.not.stringMatching(/Invalid input$/) as string,
        },
      },
    ]);
  });

  test.each([['{'], ['[]'], ['null'], [''], ['"text"']])('the body %j', async (body) => {
    const response = await tested.ask(PATH, body);
    expect([response.status, await response.json()]).toMatchObject([400, { error: { code: 'invalid_json' } }]);
  });
});

it('takes what libraries send that send everything', async () => {
  const nothing = { frequency_penalty: 0, presence_penalty: 0, logit_bias: {}, best_of: 1, suffix: null, tools: [] };
  const { choices } = await tested.json(PATH, { prompt: PROMPT, max_tokens: 1, user: 'me', store: false, ...nothing });
  expect(choices).toHaveLength(1);
});

it('answers another model with 404, and what there is', async () => {
  const response = await tested.ask(PATH, { model: 'gpt-4', prompt: PROMPT });
  expect([response.status, await response.json()]).toMatchObject([
    404,
    { error: { code: 'model_not_found', message: expect.stringContaining('tales-9m') as string } },
  ]);
});

it('never was at fault', () => {
  expect(tested.failures).toEqual([]);
});
