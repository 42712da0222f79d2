/**
 * What lm-evaluation-harness asks of a completions server (lm_eval/models/openai_completions.py, `_create_payload` and
 * `parse_logprobs`): prompts as token ids, echo, one log-probability a token; it adds up those behind the context, and
 * asks whether each token was the likeliest.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openReference } from '../../../engine/kinds/reference.js';
import { gathered } from '../../helpers/machines.js';
import { TALES_IMAGE } from '../../helpers/command-line.js';
import { serviceOf, type Answer, type ServiceUnderTest } from '../../helpers/service.js';

let tested: ServiceUnderTest;
beforeAll(async () => {
  tested = await serviceOf();
});
afterAll(async () => await tested?.close());

/** As the harness sends it. */
async function asked(prompt: readonly (readonly number[])[] | readonly string[]): Promise<Answer> {
  const model = 'tales-9m';
  return await tested.json('/v1/completions', {
    model,
    prompt,
    temperature: 0,
    max_tokens: 1,
    logprobs: 1,
    seed: 1234,
    echo: true,
  });
}

/** As the harness reads it. */
function parsed({ choices }: Answer, contextLengths: readonly number[]): (readonly [number, boolean])[] {
  return contextLengths.map((length, index) => {
    const { logprobs } = choices.find((choice) => choice.index === index)!;
    const tokens = logprobs!.token_logprobs.slice(length, -1) as number[];
    const top = logprobs!.top_logprobs.slice(length, -1);
    const isGreedy = tokens.every((logprob, at) => logprob === Math.max(...Object.values(top[at]!)));
    return [tokens.reduce((sum, logprob) => sum + logprob, 0), isGreedy];
  });
}

/** By the reference, in the most direct way. */
async function expected(ids: readonly number[], contextLength: number): Promise<readonly [number, boolean]> {
  const { machine } = await openReference({ image: TALES_IMAGE });
  const sequence = await machine.open();
  const records = await gathered(sequence.feed(ids, { want: 'logits' }));
  let sum = 0;
  let isGreedy = true;
  for (let at = contextLength; at < ids.length; at++) {
    const logits = Array.from(records[at - 1]!.logits!, (logit) => logit / 4096);
    const total = logits.reduce((all, logit) => all + Math.exp(logit), 0);
    sum += logits[ids[at]!]! - Math.log(total);
    isGreedy &&= logits.every((logit) => logit <= logits[ids[at]!]!);
  }
  return [sum, isGreedy];
}

it('gives the log-likelihood of each continuation, and whether it is the greedy one', async () => {
  const begun = [1, 3482, 668, 259, 551];
  const greedy = await tested.json('/v1/completions', { prompt: begun, temperature: 0, max_tokens: 6 });
  const prompts = [
    [...begun, ...greedy.mmfree.tokens],
    [...begun, 12, 7, 99],
    [1, 5],
  ];
  const lengths = [begun.length, begun.length, 1];
  const found = parsed(await asked(prompts), lengths);
  for (const [index, [sum, isGreedy]] of found.entries()) {
    const [wanted, wantedGreedy] = await expected(prompts[index]!, lengths[index]!);
    expect(sum).toBeCloseTo(wanted, 9);
    expect(isGreedy).toBe(wantedGreedy);
  }
  expect(found.map(([, isGreedy]) => isGreedy)).toEqual([true, false, false]);
});

it('lists the tokens of a prompt as it was given, with null in front of which nothing is', async () => {
  const { choices } = await asked([[1, 3482, 668]]);
  const lists = choices[0]!.logprobs!;
  expect([lists.tokens.length, lists.token_logprobs.length, lists.top_logprobs.length]).toEqual([4, 4, 4]);
  expect([lists.token_logprobs[0], lists.top_logprobs[0]]).toEqual([null, null]);
});

it('lists no token that the service puts in front of text, and where each begins', async () => {
  const { choices } = await asked(['Once upon a time']);
  const { tokens, token_logprobs: logprobs, text_offset: offsets } = choices[0]!.logprobs!;
  expect(tokens.slice(0, 4).join('').trim()).toBe('Once upon a time');
  // Behind the token that begins texts.
  expect(logprobs.every((logprob) => logprob !== null && logprob <= 0)).toBe(true);
  expect(offsets).toEqual(tokens.map((_, at) => tokens.slice(0, at).join('').length));
});

it('says the same in a stream', async () => {
  const body = { prompt: 'Once upon a time', temperature: 0, max_tokens: 4, logprobs: 2, echo: true };
  const { choices } = await tested.json('/v1/completions', body);
  const events = await tested.events('/v1/completions', body);
  const lists = events.map((event) => event.choices[0]!.logprobs!);
  for (const key of ['tokens', 'token_logprobs', 'top_logprobs', 'text_offset'] as const) {
    expect(lists.flatMap((list) => list[key] as unknown[])).toEqual(choices[0]!.logprobs![key]);
  }
});
