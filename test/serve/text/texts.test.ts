/** The thread with a model's texts: templates of somebody else, also such as never end. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, test } from 'vitest';
import { Texts } from '../../../serve/text/texts.js';
import { TALES } from '../../helpers/command-line.js';

const tokenizerJson = new Uint8Array(readFileSync(join(TALES, 'tokenizer.json')));
const shape = { vocabSize: 4096, hiddenSize: 256, intermediateSize: 768, layers: 8, bosTokenId: 0, eosTokenId: 1 };
const MESSAGES = [{ role: 'user', content: 'Hello' }];

let texts: Texts | undefined;
afterEach(async () => await texts?.close());

function textsWith(template: string): Texts {
  return (texts = new Texts({ tokenizerJson, shape, chat: { template, tokens: {} } }));
}

/** What a template makes of a conversation, special tokens apart. */
async function rendered(template: string): Promise<string> {
  const made = textsWith(template);
  return await made.decode(await made.render(MESSAGES));
}

test.each([
  ["{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}{% endfor %}", '[user] Hello'],
  ["{{ bos_token }}{% if add_generation_prompt %}{{ 'go' }}{% endif %}", 'go'],
])('%s', async (template, text) => {
  expect(await rendered(template)).toBe(text);
});

test.each([
  ['{% for', 'text cannot be parsed'],
  ["{{ raise_exception('only tools') }}", 'only tools'],
])('%s is told to who asks, and others are served', async (template) => {
  const made = textsWith(template);
  await expect(made.render(MESSAGES)).rejects.toMatchObject({ name: 'TextProblem' });
  expect(await made.decode(await made.encode('a tale'))).toBe('a tale');
});

it('a template that never ends is ended, and others are served', async () => {
  const made = textsWith(
    '{% for a in range(100000) %}{% for b in range(100000) %}{% set x = a * b %}{% endfor %}{% endfor %}',
  );
  await expect(made.render(MESSAGES)).rejects.toThrow('it takes longer than');
  expect(await made.decode(await made.encode('a tale'))).toBe('a tale');
});

test.each([
  ['text', "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}"],
  ['lists', '{% set n = namespace(x=[]) %}{% for i in range(100) %}{% set n.x = n.x + [range(1000000)] %}{% endfor %}'],
])('a template that fills the memory with %s is ended, and others are served', async (_, template) => {
  const made = textsWith(template);
  await expect(made.render(MESSAGES)).rejects.toMatchObject({ name: 'TextProblem' });
  expect(await made.decode(await made.encode('a tale'))).toBe('a tale');
});

it('short texts do not wait for long ones', async () => {
  const made = textsWith('{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}');
  await made.encode('a tale');
  const forever = made.render([{ role: 'user', content: 'a tale '.repeat(3_000) }]).catch(() => 'long');
  expect(await Promise.race([forever, made.encode('a tale').then(() => 'short')])).toBe('short');
  expect(await forever).toBe('long');
});

it('long texts of one owner do not wait for all of another one', async () => {
  const made = textsWith('');
  const order: string[] = [];
  const read = async (owner: string): Promise<void> => {
    await made.encode('a tale of two cities '.repeat(1_000), { owner });
    order.push(owner);
  };
  await Promise.all([read('a'), read('a'), read('a'), read('b')]);
  expect(order).toEqual(['a', 'a', 'b', 'a']);
});

it('a text with more tokens than it may have is refused', async () => {
  const made = textsWith('');
  await expect(made.encode('a tale of two cities', { most: 3 })).rejects.toMatchObject({ code: 'too_many_tokens' });
});
