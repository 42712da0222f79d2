/** Room for bodies that are under way. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newKey, parseKeys } from '../../../serve/access/keys.js';
import { serviceOf, talesOn, type ServiceUnderTest } from '../../helpers/service.js';

const [greedy, other] = [newKey('greedy', false), newKey('other', false)];

let tested: ServiceUnderTest;
beforeAll(async () => {
  tested = await serviceOf({
    sources: [talesOn('reference')],
    access: { keys: parseKeys(`${greedy.line}\n${other.line}`) },
    limits: { ownerBodyBytes: 200 },
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
