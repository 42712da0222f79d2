/** Where a checkpoint says how its conversations are written, as versions of transformers write it. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it, test } from 'vitest';
import { CheckpointError } from '../../../model/checkpoint/checkpoint-error.js';
import { readChatTemplate } from '../../../model/checkpoint/chat-template.js';
import { temporaryFolder } from '../../helpers/command-line.js';

const path = temporaryFolder();
let folders = 0;

/** What is read from a folder with these files. */
async function read(
  files: Readonly<Record<string, string | Uint8Array | object>>,
): ReturnType<typeof readChatTemplate> {
  const folder = path(`checkpoint-${folders++}`);
  await mkdir(folder);
  for (const [name, content] of Object.entries(files)) {
    const isRaw = typeof content === 'string' || content instanceof Uint8Array;
    await writeFile(`${folder}/${name}`, isRaw ? content : JSON.stringify(content));
  }
  try {
    return await readChatTemplate(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('a template is found', () => {
  const tokens = { bos_token: '<s>', eos_token: { __type: 'AddedToken', content: '</s>', lstrip: false } };
  const read2 = { bos_token: '<s>', eos_token: '</s>' };

  test.each([
    ['nowhere', {}, undefined],
    ['nowhere', { 'tokenizer_config.json': tokens }, undefined],
    ['nowhere', { 'tokenizer_config.json': { ...tokens, chat_template: null } }, undefined],
    [
      'in tokenizer_config.json',
      { 'tokenizer_config.json': { ...tokens, chat_template: 'A' } },
      { template: 'A', tokens: read2 },
    ],
    [
      'among several',
      {
        'tokenizer_config.json': {
          chat_template: [
            { name: 'tool_use', template: 'T' },
            { name: 'default', template: 'A' },
          ],
        },
      },
      { template: 'A', tokens: {} },
    ],
    [
      'in a file of its own, which goes first',
      { 'tokenizer_config.json': { ...tokens, pad_token: null, chat_template: 'A' }, 'chat_template.jinja': 'B\n' },
      { template: 'B\n', tokens: read2 },
    ],
    ['in a file alone', { 'chat_template.jinja': 'B' }, { template: 'B', tokens: {} }],
  ])('%s', async (_, files, chat) => {
    const found = await read(files);
    expect(found.chat).toEqual(chat);
    expect(found.files).toHaveLength(Object.keys(files).length);
  });
});

describe('is refused:', () => {
  test.each([
    ['not JSON', { 'tokenizer_config.json': '{' }, 'checkpoint-bad-config'],
    ['a number', { 'tokenizer_config.json': { chat_template: 3 } }, 'checkpoint-bad-chat-template'],
    [
      'several without a default',
      { 'tokenizer_config.json': { chat_template: [{ name: 'rag', template: 'R' }] } },
      'checkpoint-bad-chat-template',
    ],
    ['too long', { 'chat_template.jinja': 'x'.repeat(32_769) }, 'checkpoint-bad-chat-template'],
    ['far too long', { 'chat_template.jinja': new Uint8Array(3e6) }, 'checkpoint-file-too-large'],
    ['not UTF-8', { 'chat_template.jinja': Uint8Array.of(0xff) }, 'checkpoint-bad-chat-template'],
    ['half a character', { 'tokenizer_config.json': '{"chat_template": "\\ud800"}' }, 'checkpoint-bad-chat-template'],
    [
      'a long token',
      { 'tokenizer_config.json': { chat_template: 'A', eos_token: 'x'.repeat(257) } },
      'checkpoint-bad-chat-template',
    ],
  ])('%s', async (_, files, code) => {
    await expect(read(files)).rejects.toMatchObject({ code });
    await expect(read(files)).rejects.toBeInstanceOf(CheckpointError);
  });

  it('is empty: it is none', async () => {
    await expect(read({ 'chat_template.jinja': '' })).rejects.toMatchObject({ code: 'checkpoint-bad-chat-template' });
  });
});
