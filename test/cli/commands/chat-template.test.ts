/** A chat template, from a checkpoint to the image, to a board that has it, and to answers. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { machineKind } from '../../../engine/machines.js';
import { parseSelector } from '../../../device/selector.js';
import {
  mmfree,
  mmfreeJson,
  startBoard,
  temporaryFolder,
  writeTextCheckpoint,
  type RunningBoard,
} from '../../helpers/command-line.js';
import { serviceOf } from '../../helpers/service.js';

const path = temporaryFolder();
const TEMPLATE = '{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}{% endfor %}';
const engine = { signal: new AbortController().signal, onNote: (): void => {} };
let board: RunningBoard | undefined;

beforeAll(async () => {
  await writeTextCheckpoint(path('checkpoint'));
  await pack('plain.mmfree');
  await withTemplate(TEMPLATE);
  await pack('chat.mmfree');
});
afterAll(async () => await board?.stop());

async function withTemplate(template: string): Promise<void> {
  const config = { chat_template: template, bos_token: '<s>', eos_token: { content: '</s>' } };
  await writeFile(path('checkpoint/tokenizer_config.json'), JSON.stringify(config));
}

async function pack(name: string, ...options: string[]): Promise<Buffer> {
  expect((await mmfreeJson('pack', path('checkpoint'), '-o', path(name), ...options)).exit).toBe(0);
  return await readFile(path(name));
}

describe('pack', () => {
  it('takes it into the image, where inspect shows it', async () => {
    const { result } = await mmfreeJson('inspect', path('chat.mmfree'));
    expect(result['chat']).toEqual({ template: TEMPLATE, bos_token: '<s>', eos_token: '</s>' });
    const { stdout } = await mmfree('inspect', path('chat.mmfree'));
    expect(stdout.lines).toContain(`chat          template of ${TEMPLATE.length} bytes`);
  });

  it('makes the image that it always made where there is none, or none is wanted', async () => {
    const plain = await readFile(path('plain.mmfree'));
    expect(plain.includes('template')).toBe(false);
    expect((await pack('without.mmfree', '--no-chat-template')).equals(plain)).toBe(true);
  });

  it('leaves it out with the tokenizer: there is no text', async () => {
    expect((await pack('ids.mmfree', '--no-tokenizer')).includes('chat')).toBe(false);
  });

  test.each([
    ['{% for', 'it makes nothing'],
    ["{{ raise_exception('only tools') }}", 'only tools'],
    [
      '{% for a in range(99999) %}{% for b in range(99999) %}{% set x = a * b %}{% endfor %}{% endfor %}',
      'longer than',
    ],
    [
      "{% set ns = namespace(t='xxxxxxxx') %}{% for a in range(40) %}{% set ns.t = ns.t + ns.t %}{% endfor %}{{ ns.t }}",
      '',
    ],
  ])('refuses %s, and says what to do', async (template, why) => {
    await withTemplate(template);
    const { exit, result } = await mmfreeJson('pack', path('checkpoint'), '-o', path('bad.mmfree'));
    await withTemplate(TEMPLATE);
    expect(exit).toBe(6);
    expect(result['error']).toMatchObject({
      code: 'checkpoint-bad-chat-template',
      cause: expect.stringContaining(why) as string,
      fix: expect.stringContaining('--no-chat-template') as string,
    });
  });
});

it('is read back from a board that alone has the image', async () => {
  board = await startBoard('--image', path('chat.mmfree'));
  const { machine, chat } = await machineKind('board').open({ board: parseSelector(board.selector)! }, engine);
  await machine.close();
  expect(chat).toEqual({ template: TEMPLATE, tokens: { bos_token: '<s>', eos_token: '</s>' } });
});

it('writes the chats of the service', async () => {
  const open = async (): ReturnType<ReturnType<typeof machineKind>['open']> =>
    await machineKind('cpu').open({ image: path('chat.mmfree') }, engine);
  const tested = await serviceOf({ sources: [{ key: 'cpu', name: 'chat', open }] });
  try {
    const messages = [{ role: 'user', content: 'ab' }];
    const chat = await tested.json('/v1/chat/completions', { messages, seed: 3, max_tokens: 8 });
    const [{ shape, texts }] = tested.models.list as [(typeof tested.models.list)[number]];
    const prompt = [...(await texts!.encode('<s>[user] ab</s>'))];
    expect(prompt[0]).toBe(shape.bosTokenId);
    const completion = await tested.json('/v1/completions', { prompt, seed: 3, max_tokens: 8 });
    expect(chat.mmfree).toEqual(completion.mmfree);
  } finally {
    await tested.close();
    await rm(path('checkpoint'), { recursive: true });
  }
});
