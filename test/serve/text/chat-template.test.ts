/** Templates in the manner of published ones: whole conversations, and what comes behind an answer. */
import { describe, expect, it, test } from 'vitest';
import { chatRenderer, type ChatMessage, type TextBefore } from '../../../serve/text/chat-template.js';

const tokenizerJson = new TextEncoder().encode(
  JSON.stringify({
    added_tokens: [
      { id: 1, content: '<s>' },
      { id: 2, content: '</s>' },
      { id: 7, content: '<|im_end|>' },
    ],
  }),
);
const shape = { bosTokenId: 1, eosTokenId: 2, eosTokenIds: [2, 7] };

/** With a system message of its own where there is none, as Qwen's. */
const CHATML = `{%- if messages[0]['role'] != 'system' %}
{{- '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}`;

/** Which takes turns in their order only, and trims them, as those of Llama 2 and Mistral. */
const INSTRUCT = `{{ bos_token }}{% for message in messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}
{%- if message['role'] == 'user' %}{{ '[INST] ' + message['content'] | trim + ' [/INST]' }}
{%- else %}{{ ' ' + message['content'] | trim + eos_token }}{% endif %}{% endfor %}`;

function rendered(template: string | undefined, messages: readonly ChatMessage[], before?: TextBefore): string {
  const chat = template === undefined ? undefined : { template, tokens: {} };
  return chatRenderer(chat, tokenizerJson, shape)(messages, before);
}

const user = (content: string): ChatMessage => ({ role: 'user', content });
const HELLO = [user('Hello')];
const behind = (text: string, ...ids: number[]): TextBefore => ({ text, ids });

describe('a conversation', () => {
  test.each([
    [
      CHATML,
      HELLO,
      '<|im_start|>system\nYou are helpful.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n',
    ],
    [
      INSTRUCT,
      [user(' Hello '), { role: 'assistant', content: 'Hi' }, user('How')],
      '<s>[INST] Hello [/INST] Hi</s>[INST] How [/INST]',
    ],
    [undefined, HELLO, 'user:\nHello\n\nassistant:\n'],
  ])('is what the template makes of it', (template, messages, expected) => {
    expect(rendered(template, messages)).toBe(expected);
  });

  it('has the tokens that the image names, else those of the tokenizer', () => {
    const template = '{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ unk_token is defined }}';
    const chat = { template, tokens: { eos_token: '<|eot|>', pad_token: '<pad>' } };
    expect(chatRenderer(chat, tokenizerJson, shape)(HELLO)).toBe('<s>|<|eot|>|<pad>|false');
  });

  it('does not know what day it is', () => {
    expect(
      rendered(
        "{{ strftime_now is defined }}{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% endif %}",
        HELLO,
      ),
    ).toBe('false');
  });
});

describe('what comes behind an answer', () => {
  const whole = (template: string | undefined, answer: string): string => {
    return rendered(template, [user('Who?'), { role: 'assistant', content: answer }, ...HELLO]);
  };

  test.each([
    // Cut off, at the token of the template, at another one.
    [CHATML, behind('So', 50), '<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n'],
    [CHATML, behind('So', 50, 7), '\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n'],
    [CHATML, behind('So', 50, 2), '<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n'],
    [INSTRUCT, behind('So', 50), '</s>[INST] Hello [/INST]'],
    [INSTRUCT, behind('So', 50, 2), '[INST] Hello [/INST]'],
    [undefined, behind('So', 50), '\n\nuser:\nHello\n\nassistant:\n'],
    [undefined, behind('So\nuser:', 50), '\nHello\n\nassistant:\n'],
  ])('is what the template has there, but for what ends the answer already', (template, before, expected) => {
    expect(rendered(template, HELLO, before)).toBe(expected);
    expect(whole(template, 'So')).toContain(expected);
  });

  it('is refused if the template leaves out what was said before', () => {
    expect(() => rendered('{{ messages[-1].content }}', HELLO, behind('So', 50))).toThrow(
      'leaves out what was said before',
    );
  });

  it('is refused if the template refuses it', () => {
    const system = [{ role: 'system', content: 'Be kind.' }];
    expect(() => rendered(INSTRUCT, system, behind('So', 50))).toThrow('roles must alternate');
  });
});
