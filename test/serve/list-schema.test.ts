/** Lists in requests. */
import { expect, it, test } from 'vitest';
import { listOf } from '../../serve/list-schema.js';
import * as z from '../../serve/packages/schema.js';
import { chatRequest } from '../../serve/schemas.js';

const numbers = listOf(z.int().min(0), { least: 1, most: 1000 });

test.each([
  [[1, 2, -3, -4], [2], 'Too small: expected number to be >=0'],
  [[], [], 'it has 0 items, not 1 to 1000'],
  [Array.from({ length: 1001 }, () => 'x'), [], 'it has 1001 items, not 1 to 1000'],
  ['1', [], 'it is no list'],
  [undefined, [], 'it is no list'],
])('of %j one problem is told', (value, path, message) => {
  expect(numbers.safeParse(value).error?.issues).toMatchObject([{ path, message }]);
});

it('looks at nothing behind the first wrong item: a body has room for a million', () => {
  let looks = 0;
  const item = z.int().refine(() => ++looks > 0);
  expect(listOf(item).safeParse([1, 2, 'x', ...Array.from({ length: 1000 }, () => 3)]).success).toBe(false);
  expect(looks).toBe(2);
});

it('a place inside an item is named', () => {
  const { error } = chatRequest.safeParse({
    messages: [
      { role: 'user', content: '' },
      { role: 'nobody', content: '' },
    ],
  });
  expect(error?.issues[0]?.path).toEqual(['messages', 1, 'role']);
});

it('is described as JSON Schema describes lists', () => {
  expect(z.toJSONSchema(z.object({ numbers: numbers.nullish() }), { io: 'input' })).toMatchObject({
    properties: {
      numbers: {
        anyOf: [
          { type: 'array', items: { type: 'integer', minimum: 0 }, minItems: 1, maxItems: 1000 },
          { type: 'null' },
        ],
      },
    },
  });
  expect(z.toJSONSchema(z.object({ numbers }), { io: 'input' }).required).toEqual(['numbers']);
});
