/** The package openai: its loop over a stream, and its helper `.stream()`. */
import OpenAI from 'openai';
import { ENDLESS, MESSAGES, MODEL, MOST_TOKENS, PROMPT, SEED, STOP, TEMPERATURE } from './asked.mjs';

const ASKED = { model: MODEL, seed: SEED, temperature: TEMPERATURE, max_tokens: MOST_TOKENS };
const CHAT = { ...ASKED, messages: MESSAGES };
const ONCE = { maxRetries: 0 };

const clientOf = ({ url, key }) => new OpenAI({ baseURL: `${url}/v1`, apiKey: key });
const chat = async (how, more, options) => await clientOf(how).chat.completions.create({ ...CHAT, ...more }, options);

function answerOf({ choices: [choice], usage, mmfree }) {
  return {
    text: choice.message?.content ?? choice.text,
    finish: choice.finish_reason,
    usage: usage.total_tokens,
    receipts: mmfree.receipts,
  };
}

async function read(stream) {
  const seen = { text: '', finish: null, receipts: [] };
  for await (const { choices, usage, mmfree } of stream) {
    seen.text += choices[0]?.delta.content ?? '';
    seen.finish = choices[0]?.finish_reason ?? seen.finish;
    seen.receipts.push(...(mmfree?.receipts ?? []));
    if (usage) seen.usage = usage.total_tokens;
  }
  return seen;
}

export const openai = {
  cases: {
    models: async (how) => (await clientOf(how).models.list()).data.map(({ id }) => id),
    completion: async (how) => answerOf(await clientOf(how).completions.create({ ...ASKED, prompt: PROMPT })),
    chat: async (how) => answerOf(await chat(how)),
    stream: async (how) => await read(await chat(how, { stream: true })),
    usage: async (how) => await read(await chat(how, { stream: true, stream_options: { include_usage: true } })),
    stop: async (how) => answerOf(await chat(how, { stop: [STOP] })),
    logprobs: async (how) => {
      const { choices } = await chat(how, { logprobs: true, top_logprobs: 2 });
      return choices[0].logprobs.content.map(({ top_logprobs: top }) => top.map(({ logprob }) => logprob));
    },
    leave: async (how) => {
      for await (const { choices } of await chat(how, { stream: true, max_tokens: ENDLESS }))
        if (choices[0].delta.content) return true;
    },
    refused: async (how) => await chat(how, { frequency_penalty: 1 }),
    noKey: async (how) => await chat(how),
    noRoom: async (how) => await chat(how, {}, ONCE),
    asksAgain: async (how) => answerOf(await chat(how)),
    responses: async (how) => await clientOf(how).responses.create({ model: MODEL, input: PROMPT }),
    embeddings: async (how) => await clientOf(how).embeddings.create({ model: MODEL, input: PROMPT }),
    shutDown: async (how) => await read(await chat(how, { stream: true, max_tokens: ENDLESS })),
  },
  failureOf: ({ status, code, message, headers }) => ({
    status,
    code,
    message,
    retryAfter: headers?.get('retry-after'),
  }),
};

async function readByHelper(how, more) {
  const stream = clientOf(how).chat.completions.stream({ ...CHAT, ...more });
  const receipts = [];
  stream.on('chunk', ({ mmfree }) => void receipts.push(...(mmfree?.receipts ?? [])));
  const { choices, usage } = await stream.finalChatCompletion();
  const seen = { text: choices[0].message.content, finish: choices[0].finish_reason, receipts };
  return usage ? { ...seen, usage: usage.total_tokens } : seen;
}

export const openaiHelper = {
  cases: {
    stream: async (how) => await readByHelper(how),
    usage: async (how) => await readByHelper(how, { stream_options: { include_usage: true } }),
    leave: async (how) => {
      const stream = clientOf(how).chat.completions.stream({ ...CHAT, max_tokens: ENDLESS });
      for await (const { choices } of stream)
        if (choices[0].delta.content) {
          stream.abort();
          return true;
        }
    },
    shutDown: async (how) => await readByHelper(how, { max_tokens: ENDLESS }),
  },
  failureOf: openai.failureOf,
};
