/** Room for bodies, and for log-probabilities, that are under way. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newKey, parseKeys } from '../../../serve/access/keys.js';
import { serviceOf, talesOn, type ServiceUnderTest } from '../../helpers/service.js';

const [greedy, other] = [newKey('greedy', false), newKey('other', false)];

let tested: ServiceUnderTest;
beforeAll(async () => {
  tested = await serviceOf({
    sources: [talesOn('reference')],
    access: { keys: parseKeys(`${greedy.line}\n${other.line}`) },
    limits: { ownerBodyBytes: 200, ownerScores: 9, perOwner: 2 },
  });
});
afterAll(async () => await tested?.close());

async function ask(key: string, body: string | ReadableStream<Uint8Array>): Promise<number> {
  const init = { method: 'POST', body, duplex: 'half' as const, headers: { authorization: `Bearer ${key}` } };
  return (await tested.ask('/tokenize', undefined, init)).status;
}

it('has a bound for each key, whose other requests are told to come again until there is room', async () => {
  const body = JSON.stringify({ prompt: 'x'.repeat(130) });
  let finish = (): void => {};
  let isRead = (): void => {};
  const read = new Promise<void>((resolve) => (isRead = resolve));
  const slow = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(body.slice(0, -1)));
      finish = () => {
        controller.enqueue(new TextEncoder().encode(body.slice(-1)));
        controller.close();
      };
    },
    pull: () => isRead(),
  });
  const first = ask(greedy.key, slow);
  await read;
  await expect.poll(async () => await ask(greedy.key, body)).toBe(429);
  expect(await ask(other.key, body)).toBe(200);
  finish();
  expect(await first).toBe(200);
  expect(await ask(greedy.key, body)).toBe(200);
});

it('is given back by what is refused', async () => {
  for (let count = 0; count < 5; count++) expect(await ask(greedy.key, `{"prompt":${'1'.repeat(150)}}`)).toBe(400);
  expect(await ask(greedy.key, ' '.repeat(201))).toBe(429);
  expect(await ask(greedy.key, JSON.stringify({ prompt: 'x' }))).toBe(200);
});

describe('log-probabilities', () => {
  /** Two for each of three tokens. */
  const ASKED = { prompt: [5], max_tokens: 3, logprobs: 1 };
  const answer = async (key: string, body: object): Promise<Response> =>
    await tested.ask('/v1/completions', body, { headers: { authorization: `Bearer ${key}` } });

  it.each([
    ['tokens', { max_tokens: 5 }],
    ['the likeliest', { logprobs: 3 }],
    ['choices', { n: 2 }],
    ['prompts', { prompt: [[5], [6]] }],
    ['a prompt that is told again', { prompt: [5, 6], echo: true }],
  ])('that never have room are refused: too many %s', async (_, more) => {
    const response = await answer(greedy.key, { ...ASKED, ...more });
    expect([response.status, await response.json()]).toMatchObject([400, { error: { code: 'too_many_tokens' } }]);
  });

  it('have a bound for each key, and give their room back when the answer is read, or its reader leaves', async () => {
    const first = await answer(greedy.key, { ...ASKED, stream: true });
    expect((await answer(greedy.key, ASKED)).status).toBe(429);
    expect((await answer(greedy.key, { ...ASKED, logprobs: null })).status).toBe(200);
    expect((await answer(other.key, ASKED)).status).toBe(200);
    await first.text();
    const second = await answer(greedy.key, { ...ASKED, stream: true });
    expect(second.status).toBe(200);
    await second.body!.cancel();
    for (let count = 0; count < 3; count++) expect((await answer(greedy.key, ASKED)).status).toBe(200);
  });

  it('give their room back when they are refused', async () => {
    const tooMany = { ...ASKED, max_tokens: 1, n: 3 };
    for (let count = 0; count < 2; count++) expect((await answer(greedy.key, tooMany)).status).toBe(429);
    expect((await answer(greedy.key, ASKED)).status).toBe(200);
  });
});
