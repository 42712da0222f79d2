/** LangChain.js. */
import { ChatOpenAI, OpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { ENDLESS, MODEL, MOST_TOKENS, PROMPT, SEED, STOP, TEMPERATURE } from './asked.mjs';

const at = ({ url, key }) => ({ model: MODEL, apiKey: key, configuration: { baseURL: `${url}/v1` } });
const SETTINGS = { temperature: TEMPERATURE, maxTokens: MOST_TOKENS };

const chatModel = (how, more) =>
  new ChatOpenAI({ ...at(how), ...SETTINGS, modelKwargs: { seed: SEED }, __includeRawResponse: true, ...more });

async function chat(how, more, options) {
  const {
    content,
    response_metadata: metadata,
    usage_metadata: usage,
    additional_kwargs: kept,
  } = await chatModel(how, more).invoke(PROMPT, options);
  const { mmfree } = kept.__raw_response;
  return { text: content, finish: metadata.finish_reason, usage: usage.total_tokens, receipts: mmfree.receipts };
}

async function read(how, more) {
  const seen = { text: '', finish: null, receipts: [] };
  for await (const piece of await chatModel(how, more).stream(PROMPT)) {
    const { content, response_metadata: metadata, usage_metadata: usage, additional_kwargs: kept } = piece;
    seen.text += content;
    seen.finish = metadata.finish_reason ?? seen.finish;
    seen.receipts.push(...(kept.__raw_response?.mmfree?.receipts ?? []));
    if (usage) seen.usage = usage.total_tokens;
  }
  return seen;
}

export const langchain = {
  cases: {
    completion: async (how) => {
      const model = new OpenAI({ ...at(how), ...SETTINGS, modelKwargs: { seed: SEED } });
      return { text: await model.invoke(PROMPT) };
    },
    chat: async (how) => await chat(how),
    stream: async (how) => await read(how),
    // It asks for it by itself.
    usage: async (how) => await read(how),
    stop: async (how) => await chat(how, {}, { stop: [STOP] }),
    logprobs: async (how) => {
      const { response_metadata: metadata } = await chatModel(how, { logprobs: true, topLogprobs: 2 }).invoke(PROMPT);
      return metadata.logprobs.content.map(({ top_logprobs: top }) => top.map(({ logprob }) => logprob));
    },
    leave: async (how) => {
      for await (const { content } of await chatModel(how, { maxTokens: ENDLESS }).stream(PROMPT))
        if (content !== '') return true;
    },
    refused: async (how) => await chat(how, { frequencyPenalty: 1 }),
    noKey: async (how) => await chat(how),
    noRoom: async (how) => await chat(how, { maxRetries: 0 }),
    asksAgain: async (how) => await chat(how),
    responses: async (how) => await chatModel(how, { useResponsesApi: true, maxRetries: 0 }).invoke(PROMPT),
    embeddings: async (how) => await new OpenAIEmbeddings({ ...at(how), maxRetries: 0 }).embedQuery(PROMPT),
    shutDown: async (how) => await read(how, { maxTokens: ENDLESS }),
  },
  failureOf: ({ status, code, message, headers }) => ({
    status,
    code,
    message,
    retryAfter: headers?.get?.('retry-after') ?? headers?.['retry-after'],
  }),
};
