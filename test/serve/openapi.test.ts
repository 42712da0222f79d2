/** The OpenAPI document: what it lists is there, and what is there it lists. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApp } from '../../serve/app.js';
import { serviceOf, talesOn, type ServiceUnderTest } from '../helpers/service.js';

let tested: ServiceUnderTest;
beforeAll(async () => {
  tested = await serviceOf({ sources: [talesOn('reference')] });
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
