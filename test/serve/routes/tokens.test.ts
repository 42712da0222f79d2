/** /tokenize and /detokenize. */
import { afterAll, beforeAll, expect, it, test } from 'vitest';
import { serviceOf, type ServiceUnderTest } from '../../helpers/service.js';

let tested: ServiceUnderTest;
beforeAll(async () => {
  tested = await serviceOf();
});
afterAll(async () => await tested?.close());

const tokensOf = async (prompt: string): Promise<{ tokens: number[]; count: number }> =>
  (await (await tested.ask('/tokenize', { prompt })).json()) as { tokens: number[]; count: number };

test.each(['Once upon a time', '', ' two  spaces', 'süß 🦊'])('%j becomes tokens and comes back', async (prompt) => {
  const { tokens, count } = await tokensOf(prompt);
  expect(count).toBe(tokens.length);
  const response = await tested.ask('/detokenize', { tokens });
  expect(await response.json()).toEqual({ prompt });
});

it('counts what a completion counts', async () => {
  const { count } = await tokensOf('Once upon a time');
  const { usage } = await tested.json('/v1/completions', { prompt: 'Once upon a time', max_tokens: 1 });
  expect(usage['prompt_tokens']).toBe(count);
});

it('refuses ids that are none', async () => {
  const response = await tested.ask('/detokenize', { tokens: [4096] });
  expect([response.status, await response.json()]).toMatchObject([400, { error: { param: 'tokens' } }]);
});

it('lets others be answered while a long text becomes tokens', async () => {
  const long = tokensOf('a tale of two cities '.repeat(20_000)).then(({ count }) => ['long', count > 50_000]);
  const short = tested.ask('/health').then(async ({ status }) => ['health', status]);
  expect(await Promise.race([long, short])).toEqual(['health', 200]);
  expect(await long).toEqual(['long', true]);
});
