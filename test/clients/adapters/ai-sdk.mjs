/** The AI SDK of Vercel, with its provider for services like this one. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embed, generateText, streamText } from 'ai';
import { ENDLESS, MODEL, MOST_TOKENS, PROMPT, SEED, STOP, TEMPERATURE } from './asked.mjs';

const ASKED = { prompt: PROMPT, seed: SEED, temperature: TEMPERATURE, maxOutputTokens: MOST_TOKENS };

const providerOf = ({ url, key }, more) =>
  createOpenAICompatible({ name: 'mmfree', baseURL: `${url}/v1`, apiKey: key, ...more });

async function chat(how, more) {
  const model = providerOf(how).chatModel(MODEL);
  return answerOf(await generateText({ model, ...ASKED, ...more, include: { responseBody: true } }));
}

function answerOf({ text, finishReason, usage, response }) {
  const { mmfree } = response.body;
  return { text, finish: finishReason, usage: usage.totalTokens, receipts: mmfree.receipts };
}

async function read(how, more, provider) {
  let failure;
  const result = streamText({
    model: providerOf(how, provider).chatModel(MODEL),
    ...ASKED,
    ...more,
    includeRawChunks: true,
    onError: ({ error }) => void (failure = error),
  });
  const receipts = [];
  for await (const part of result.fullStream)
    if (part.type === 'raw') receipts.push(...(part.rawValue.mmfree?.receipts ?? []));
  if (failure !== undefined) throw failure;
  const [text, finish, { totalTokens }] = [await result.text, await result.finishReason, await result.usage];
  return { text, finish, receipts, ...(totalTokens !== undefined && { usage: totalTokens }) };
}

export const aiSdk = {
  /** It writes the prompt of its older interface as a conversation. */
  completionAs: { prompt: `user:\n${PROMPT}\n\nassistant:\n`, stop: ['\nuser:'] },
  cases: {
    completion: async (how) => {
      const { text, finishReason, usage } = await generateText({
        model: providerOf(how).completionModel(MODEL),
        ...ASKED,
      });
      return { text, finish: finishReason, usage: usage.totalTokens };
    },
    chat: async (how) => await chat(how),
    stream: async (how) => await read(how),
    usage: async (how) => await read(how, {}, { includeUsage: true }),
    stop: async (how) => await chat(how, { stopSequences: [STOP] }),
    leave: async (how) => {
      const leaving = new AbortController();
      const { textStream } = streamText({
        model: providerOf(how).chatModel(MODEL),
        ...ASKED,
        maxOutputTokens: ENDLESS,
        abortSignal: leaving.signal,
      });
      for await (const text of textStream) if (text !== '') leaving.abort();
      return true;
    },
    refused: async (how) => await chat(how, { frequencyPenalty: 1 }),
    noKey: async (how) => await chat(how),
    noRoom: async (how) => await chat(how, { maxRetries: 0 }),
    asksAgain: async (how) => await chat(how),
    embeddings: async (how) => await embed({ model: providerOf(how).embeddingModel(MODEL), value: PROMPT }),
    shutDown: async (how) => await read(how, { maxOutputTokens: ENDLESS }),
  },
  failureOf: ({ statusCode, data, code, message, responseHeaders, ...rest }) => ({
    status: statusCode,
    // What fails in mid-stream has the error alone.
    code: (data?.error ?? data)?.code ?? code,
    message: message ?? JSON.stringify(rest),
    retryAfter: responseHeaders?.['retry-after'],
  }),
};
