/** Real clients, unmodified, on a socket: what they make of the service is what their users get. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen, type RunningServer } from '../../serve/server.js';
import { createApp } from '../../serve/app.js';
import { serviceOf, type ServiceUnderTest } from '../helpers/service.js';

let tested: ServiceUnderTest;
let server: RunningServer;
let client: OpenAI;
beforeAll(async () => {
  tested = await serviceOf();
  server = await listen(createApp(tested.service), { host: '127.0.0.1', port: 0 });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  server?.cut();
  await tested?.close();
});

const MESSAGES = [{ role: 'user', content: 'Once upon a time' }] as const;
const CHAT = { model: 'tales-9m', messages: [...MESSAGES], seed: 5, max_tokens: 40 };

describe('openai', () => {
  it('lists models', async () => {
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toEqual(['tales-9m']);
  });

  it('reads an answer and the loop of a stream', async () => {
    const answer = await client.chat.completions.create(CHAT);
    let text = '';
    let finish: string | null = null;
    for await (const chunk of await client.chat.completions.create({ ...CHAT, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? '';
      finish = chunk.choices[0]?.finish_reason ?? finish;
    }
    expect([text, finish]).toEqual([answer.choices[0]!.message.content, 'length']);
  });

  it('puts a stream together with its helper, receipts included', async () => {
    const answer = await client.chat.completions.create(CHAT);
    const stream = client.chat.completions.stream({ ...CHAT, stream_options: { include_usage: true } });
    const receipts: string[] = [];
    stream.on('chunk', (chunk) => {
      receipts.push(...(chunk as unknown as { mmfree: { receipts: string[] } }).mmfree.receipts);
    });
    const whole = await stream.finalChatCompletion();
    expect(whole.choices[0]!.message.content).toBe(answer.choices[0]!.message.content);
    expect(whole.usage).toEqual(answer.usage);
    expect(receipts).toEqual((answer as unknown as { mmfree: { receipts: string[] } }).mmfree.receipts);
  });

  it('has log-probabilities and the older interface', async () => {
    const { choices } = await client.chat.completions.create({
      ...CHAT,
      max_tokens: 3,
      logprobs: true,
      top_logprobs: 2,
    });
    expect(choices[0]!.logprobs!.content!.map(({ top_logprobs: top }) => top.length)).toEqual([2, 2, 2]);
    const old = await client.completions.create({ model: 'tales-9m', prompt: 'Once', max_tokens: 3, logprobs: 2 });
    expect(old.choices[0]!.logprobs!.tokens).toHaveLength(3);
  });

  it('throws what is refused, with its code', async () => {
    const refused = client.chat.completions.create({ ...CHAT, frequency_penalty: 1 });
    await expect(refused).rejects.toMatchObject({
      status: 400,
      code: 'unsupported_parameter',
      param: 'frequency_penalty',
    });
    await expect(client.models.retrieve('gpt-4')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });

  it('throws an error in the middle of a stream', async () => {
    const stream = await client.chat.completions.create({ ...CHAT, max_tokens: 16_000, temperature: 1, stream: true });
    const reading = (async () => {
      for await (const _ of stream) tested.models.end();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'shutting_down' });
  });
});
