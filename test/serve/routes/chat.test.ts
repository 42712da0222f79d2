/** /v1/chat/completions: conversations by the plain template, and log-probabilities as chats have them. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { serviceOf, type ServiceUnderTest } from '../../helpers/service.js';

const PATH = '/v1/chat/completions';
const MESSAGES = [
  { role: 'system', content: 'Tell a tale.' },
  { role: 'user', content: 'Once upon a time' },
];

let tested: ServiceUnderTest;
beforeAll(async () => {
  tested = await serviceOf();
});
afterAll(async () => await tested?.close());

describe('an answer', () => {
  it('goes on behind the conversation, as text by the plain template', async () => {
    const answer = await tested.json(PATH, { messages: MESSAGES, seed: 7, max_tokens: 30 });
    const text = 'system:\nTell a tale.\n\nuser:\nOnce upon a time\n\nassistant:\n';
    const completion = await tested.json('/v1/completions', { prompt: text, seed: 7, max_tokens: 30, stop: '\nuser:' });
    expect(answer).toMatchObject({
      object: 'chat.completion',
      choices: [
        { index: 0, message: { role: 'assistant', content: completion.choices[0]!.text }, finish_reason: 'length' },
      ],
      usage: completion.usage,
      mmfree: completion.mmfree,
    });
  });

  it('is the same for content in parts, and for the newer names', async () => {
    const parts = [
      {
        role: 'developer',
        content: [
          { type: 'text', text: 'Tell ' },
          { type: 'text', text: 'a tale.' },
        ],
      },
      MESSAGES[1],
    ];
    const [one, other] = await Promise.all([
      tested.json(PATH, { messages: MESSAGES, seed: 7, max_tokens: 5 }),
      tested.json(PATH, { messages: parts, seed: 7, max_completion_tokens: 5 }),
    ]);
    expect(other.mmfree).toEqual(one.mmfree);
  });

  it('has the log-probabilities of its tokens, and of the likeliest ones', async () => {
    const asked = { messages: MESSAGES, temperature: 0, max_tokens: 5, logprobs: true, top_logprobs: 3 };
    const { choices } = await tested.json(PATH, asked);
    const content = choices[0]!.logprobs!.content!;
    expect(content).toHaveLength(5);
    for (const { token, logprob, top_logprobs: top } of content) {
      expect(top).toHaveLength(3);
      // Greedily, the likeliest is taken.
      expect(top[0]).toMatchObject({ token, logprob });
      expect(top.map((one) => one.logprob)).toEqual(top.map((one) => one.logprob).toSorted((a, b) => b - a));
      expect(logprob).toBeLessThanOrEqual(0);
    }
  });
});

describe('a stream', () => {
  it('begins with the role, and ends with a reason', async () => {
    const asked = { messages: MESSAGES, seed: 7, max_tokens: 30, n: 2 };
    const events = await tested.events(PATH, asked);
    const { choices } = await tested.json(PATH, asked);
    for (const { index, message } of choices) {
      const own = events.map((event) => event.choices[0]!).filter((choice) => choice.index === index);
      expect(own.map(({ delta }) => delta!.role)).toEqual(['assistant', ...own.slice(1).map(() => undefined)]);
      expect(own.map(({ delta }) => delta!.content).join('')).toBe(message!.content);
      expect(own.map((choice) => choice.finish_reason)).toEqual([...own.slice(1).map(() => null), 'length']);
    }
  });

  it('has what the answer has, with log-probabilities', async () => {
    const asked = { messages: MESSAGES, seed: 7, max_tokens: 10, logprobs: true, top_logprobs: 2 };
    const events = await tested.events(PATH, asked);
    const { choices } = await tested.json(PATH, asked);
    expect(events.flatMap((event) => event.choices[0]!.logprobs!.content!)).toEqual(choices[0]!.logprobs!.content);
  });
});

describe('is refused:', () => {
  test.each([
    [{ messages: [] }, 'invalid_value', 'messages'],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'invalid_value', 'messages.0.role'],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'invalid_value', 'messages.0.content'],
    [{ top_logprobs: 2 }, 'invalid_value', 'top_logprobs'],
    [{ response_format: { type: 'json_object' } }, 'unsupported_parameter', 'response_format'],
    [{ tools: [{ type: 'function' }] }, 'unsupported_parameter', 'tools'],
  ])('%j', async (more, code, param) => {
    const response = await tested.ask(PATH, { messages: MESSAGES, max_tokens: 1, ...more });
    expect([response.status, await response.json()]).toMatchObject([400, { error: { code, param } }]);
  });
});

it('tells who asks for /v1/responses where to ask', async () => {
  const response = await tested.ask('/v1/responses', {});
  expect([response.status, await response.json()]).toMatchObject([
    404,
    { error: { message: expect.stringContaining('/v1/chat/completions') as string } },
  ]);
});
