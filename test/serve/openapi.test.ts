/** The OpenAPI document: what it lists is there, and what is there it lists. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../serve/app.js';
import { ConversationStore } from '../../serve/conversations/store.js';
import { PATHS } from '../../serve/openapi.js';
import { USUAL_LIMITS } from '../../serve/service.js';
import { problemOf } from '../helpers/answer-check.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { serviceOf, talesOn, type ServiceUnderTest } from '../helpers/service.js';

const inFolder = temporaryFolder();
let tested: ServiceUnderTest;
beforeAll(async () => {
  const store = await ConversationStore.open(inFolder('conversations'), () => USUAL_LIMITS);
  tested = await serviceOf({ sources: [talesOn('reference')], store });
});
afterAll(async () => await tested?.close());

interface Document {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { requestBody?: { content: Record<string, { schema: { properties: object } }> } }>>
    >
  >;
}

const documentOf = async (): Promise<Document> => (await (await tested.ask('/openapi.json')).json()) as Document;

it('lists every route, and no other', async () => {
  const { paths } = await documentOf();
  const listed = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  const { routes } = createApp(tested.service);
  const there = routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method.toLowerCase()} ${path.replace(/:(\w+)/, '{$1}')}`);
  const sorted = (list: readonly string[]): string[] => list.toSorted((a, b) => a.localeCompare(b, 'en'));
  expect(sorted(listed)).toEqual(sorted(there));
});

it('has what a request may say', async () => {
  const { paths } = await documentOf();
  const { schema } = paths['/v1/completions']!['post']!.requestBody!.content['application/json']!;
  expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(['prompt', 'seed', 'top_k', 'stream', 'echo']));
});

/** What each operation is asked, in this order: a body, or none. */
const ASKED: readonly (readonly [method: string, path: string, route: string, body?: object])[] = [
  ['post', '/v1/completions', '/v1/completions', { prompt: 'Once', max_tokens: 3, n: 2, logprobs: 2, echo: true }],
  ['post', '/v1/completions', '/v1/completions', { prompt: [1, 2], max_tokens: 3 }],
  ['put', '/v1/conversations/talk', '/v1/conversations/{id}', {}],
  ['put', '/v1/conversations/talk', '/v1/conversations/{id}', {}],
  ['post', '/v1/completions', '/v1/completions', { conversation: 'talk', prompt: 'Once', max_tokens: 2 }],
  ['post', '/v1/chat/completions', '/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 2, logprobs: true, top_logprobs: 2 }],
  ['get', '/v1/models', '/v1/models'],
  ['get', '/v1/models/tales-9m', '/v1/models/{id}'],
  ['get', '/v1/conversations', '/v1/conversations'],
  ['get', '/v1/conversations/talk', '/v1/conversations/{id}'],
  ['post', '/v1/verify', '/v1/verify', { prompt: 'Once', tokens: [5], receipts: ['00000000'] }],
  ['post', '/v1/verify', '/v1/verify', { prompt: 'Once', tokens: [5], receipts: [] }],
  ['post', '/tokenize', '/tokenize', { prompt: 'Once' }],
  ['post', '/detokenize', '/detokenize', { tokens: [5] }],
  ['post', '/admin/flash', '/admin/flash', { image: 'none' }],
  ['get', '/health', '/health'],
  ['get', '/ready', '/ready'],
  ['get', '/props', '/props'],
  ['get', '/slots', '/slots'],
  ['get', '/openapi.json', '/openapi.json'],
  ['delete', '/v1/conversations/talk', '/v1/conversations/{id}'],
  ['get', '/v1/conversations/talk', '/v1/conversations/{id}'],
]; // prettier-ignore

describe('what is answered is what the document says', () => {
  it('by every operation with JSON, and by what is refused', async () => {
    const statuses = new Set<number>();
    const tried = new Set<string>();
    for (const [method, at, route, body] of ASKED) {
      const init = { method: method.toUpperCase(), ...(body && { body: JSON.stringify(body) }) };
      const response = await tested.ask(at, undefined, init);
      expect(problemOf(route, method, response, await response.text())).toBeUndefined();
      tried.add(`${method} ${route}`);
      statuses.add(response.status);
    }
    expect([...statuses].toSorted((a, b) => a - b)).toEqual([200, 201, 400, 401, 404]);
    const withJson = Object.entries(PATHS).flatMap(([route, methods]) =>
      Object.entries(methods).flatMap(([method, { answer }]) => (answer === undefined ? [] : [`${method} ${route}`])),
    );
    expect(withJson.filter((operation) => !tried.has(operation))).toEqual(['put /v1/conversations/{id}/state']);
  });

  it.each([
    ['/v1/completions', { prompt: 'Once', max_tokens: 3, logprobs: 1, stream_options: { include_usage: true } }],
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 3 }],
  ])('in each event of a stream of %s', async (route, asked) => {
    const response = await tested.ask(route, { ...asked, stream: true });
    const text = await response.text();
    expect(text.match(/^data: \{/gm)!.length).toBeGreaterThan(1);
    expect(problemOf(route, 'post', response, text)).toBeUndefined();
  });

  it('and not something else', async () => {
    const response = await tested.ask('/health');
    expect(problemOf('/ready', 'get', response, await response.text())).toContain('/ready');
  });
});
