/** Bodies of requests, those that a thread reads too. */
import { afterAll, expect, it, test } from 'vitest';
import type { ApiError } from '../../../serve/api-error.js';
import { Bodies } from '../../../serve/body/bodies.js';

const bodies = new Bodies();
afterAll(async () => await bodies.close());

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(text));
const check = async (text: string): Promise<unknown> => await bodies.check('completion', bytesOf(text), 100, 'a');

/** The body, or what it is refused with. */
const outcome = async (text: string): Promise<unknown> =>
  await check(text).catch((error: unknown) => ({ refused: (error as ApiError).body }));

const SPACE = ' '.repeat(40_000);
const MANY = Array.from({ length: 101 }, () => 1).join(',');

test.each([
  '{"prompt":"süß","seed":5}',
  '{"prompt":"x","n":0}',
  '{"prompt":"x","tools":[1]}',
  '[1]',
  `{"prompt":[${MANY}]}`,
  `{"prompt":[[1],[${MANY}]]}`,
])('%s is the same whether it is long or short', async (text) => {
  expect(await outcome(text + SPACE)).toEqual(await outcome(text));
});

it('lets others be answered while a long one is read', async () => {
  const deep = check(`{"prompt":"x","y":${'['.repeat(200_000)}${']'.repeat(200_000)}}`);
  const beside = check('{"prompt":"x"}').then(() => 'the other one');
  expect(await Promise.race([deep, beside])).toBe('the other one');
  expect(await deep).toEqual({ prompt: 'x' });
});

it('that is no UTF-8 is refused, rather than another text used', async () => {
  const bytes = Uint8Array.from(Buffer.from('{"prompt":"s\u00fc"}', 'latin1'));
  await expect(bodies.check('completion', bytes, 100, 'a')).rejects.toMatchObject({ code: 'invalid_json' });
});
