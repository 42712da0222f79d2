/**
 * Requests at random, from the OpenAPI document: whatever is sent, it is answered or refused, and nothing of the
 * service fails.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newKey, parseKeys } from '../../serve/access/keys.js';
import { openStateFolder, type StateFolder } from '../../serve/conversations/state-folder.js';
import { openApiDocument } from '../../serve/openapi.js';
import { USUAL_LIMITS } from '../../serve/service.js';
import { problemOf } from '../helpers/answer-check.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { serviceOf, type ServiceUnderTest } from '../helpers/service.js';
import { Prng } from '../oracle/prng.js';

const REQUESTS = count(1_000, 100_000);
const path = temporaryFolder();
const admin = newKey('admin', true);

let folder: StateFolder;
let tested: ServiceUnderTest;
beforeAll(async () => {
  folder = await openStateFolder(path('states'), () => USUAL_LIMITS);
  const access = { keys: parseKeys(admin.line) };
  // Short answers: it is about what is asked.
  tested = await serviceOf({ store: folder.conversations, access, limits: { tokens: 4, conversations: 20 } });
});
afterAll(async () => {
  await tested?.close();
  folder?.close();
});

interface Schema {
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

const OPERATIONS = Object.entries(
  (openApiDocument() as { paths: Record<string, Record<string, Operation>> }).paths,
).flatMap(([route, methods]) => Object.entries(methods).map(([method, operation]) => ({ route, method, operation })));

const random = new Prng(18);
const below = (limit: number): number => random.between(0, limit - 1);
const chance = (share: number): boolean => below(1000) < 1000 * share;
const oneOf = <T>(list: readonly T[]): T => list[below(list.length)]!;

const STRANGE: readonly unknown[] = [null, true, 0, -1, 1, 1.5, 1e308, 2 ** 53, 4095, 4096, '', 'x', '\u0000', '\ud800', '../../x', '__proto__', [], [[]], [0], ['x'], [null], {}, { type: 'text', text: 1 }, 'tales-9m', 'talk', 'Once', '18446744073709551616', 'a'.repeat(5000)]; // prettier-ignore

/** Mostly what a schema allows, and now and then something else. */
function valueOf(schema: Schema): unknown {
  if (chance(0.05)) return oneOf(STRANGE);
  if (schema.anyOf !== undefined) return valueOf(oneOf(schema.anyOf));
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return oneOf(schema.enum);
  switch (schema.type) {
    case 'string':
      return oneOf(['Once', 'talk', 'tales-9m', '5', '0123abcd', '\u{1F600}', '']);
    case 'integer':
      return oneOf([0, 1, 2, 3, 4, 20, 4095, 2 ** 32 - 1]);
    case 'number':
      return oneOf([0, 0.5, 1, 2]);
    case 'boolean':
      return chance(0.5);
    case 'null':
      return null;
    case 'array':
      return Array.from({ length: below(4) }, () => valueOf(schema.items ?? {}));
    case 'object': {
      const entries = Object.entries(schema.properties ?? {}).filter(() => chance(0.6));
      const more = chance(0.1) ? [[oneOf(['tools', 'logit_bias', 'response_format', 'x']), oneOf(STRANGE)]] : [];
      return Object.fromEntries([...entries.map(([name, one]) => [name, valueOf(one)]), ...more]) as unknown;
    }
    case undefined:
    default:
      return oneOf(STRANGE);
  }
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value);
  if (chance(0.9)) return text;
  const at = below(text.length);
  return text.slice(0, at) + oneOf(['', '"', '}', '\u0000', '\\u12', '['.repeat(5000), ',"__proto__":{"seed":1}']);
}

async function statusOf({ route, method, operation }: (typeof OPERATIONS)[number]): Promise<number> {
  const at = route.replace(/\{\w+\}/, () => oneOf(['talk', 'x', 'tales-9m', '..%2Fx', '%00', '%', 'page.js']));
  const schema = operation.requestBody?.content['application/json']?.schema;
  const headers: Record<string, string> = { authorization: `Bearer ${admin.key}` };
  if (chance(0.05)) headers['content-type'] = oneOf(['text/plain', 'application/octet-stream', '']);
  else if (route.endsWith('/state')) headers['content-type'] = 'application/octet-stream';
  if (chance(0.05)) headers['x-mmfree-priority'] = oneOf(['-100', '101', 'x', '1e9', '']);
  const body =
    schema !== undefined ? textOf(valueOf(schema)) : method === 'put' ? 'MMFS'.repeat(below(100)) : undefined;
  const response = await tested.ask(at, undefined, {
    method: method.toUpperCase(),
    headers,
    ...(body !== undefined && { body }),
  });
  const answer = await response.text();
  expect(problemOf(route, method, response, answer)).toBeUndefined();
  // A refusal says what it is for; one in the middle of a stream as well.
  expect(response.status < 400 || answer.startsWith('{"error":{"message":')).toBe(true);
  expect(answer).not.toContain('"server_error"');
  return response.status;
}

/** Bytes that are in use, when nothing else is. */
function heapBytes(): number {
  (tested.requests as unknown[]).length = 0;
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

/** Less than a kilobyte of each request of the long run; what is compiled late is in it too. */
const MOST_GROWTH_BYTES = 16 * 2 ** 20;

it(`${REQUESTS} requests fail for reasons of their own`, async () => {
  const statuses = new Map<number, number>();
  let before = 0;
  for (let request = 0; request < REQUESTS; request++) {
    if (request === REQUESTS / 2) before = heapBytes();
    const status = await statusOf(oneOf(OPERATIONS));
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  expect(tested.failures).toEqual([]);
  expect(Math.max(...statuses.keys())).toBeLessThan(500);
  // Enough of them get further than the first check.
  expect(statuses.get(200)).toBeGreaterThan(REQUESTS / 4);
  const growth = heapBytes() - before;
  expect(growth).toBeLessThan(MOST_GROWTH_BYTES);
  const more = `the second half left ${(growth / 2 ** 20).toFixed(1)} MiB`;
  figure('malformed requests to the service', `${REQUESTS} requests, none made it fail; ${more}`);
});
