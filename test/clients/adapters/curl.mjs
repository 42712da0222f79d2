/** curl, as people type it. */
import { spawn } from 'node:child_process';
import { text as textOf } from 'node:stream/consumers';
import { ENDLESS, MESSAGES, MODEL, MOST_TOKENS, PROMPT, SEED, STOP, TEMPERATURE } from './asked.mjs';

const ASKED = { model: MODEL, seed: SEED, temperature: TEMPERATURE, max_tokens: MOST_TOKENS };
const CHAT = { ...ASKED, messages: MESSAGES };

function curl({ url, key }, path, body, ...options) {
  const data = body === undefined ? [] : ['--header', 'content-type: application/json', '--data', JSON.stringify(body)];
  const args = ['--silent', '--show-error', '--header', `authorization: Bearer ${key}`, ...data, ...options];
  return spawn('curl', [...args, `${url}${path}`], { stdio: ['ignore', 'pipe', 'inherit'] });
}

class Refusal extends Error {
  constructor({ message, ...facts }, status, retryAfter) {
    super(message);
    Object.assign(this, facts, { status, retryAfter });
  }
}

/** The answer as JSON. @throws Refusal */
async function ask(how, path, body, ...options) {
  // Of several answers to one command, the last one.
  const format = '\n%{http_code} %header{retry-after}';
  const all = await textOf(curl(how, path, body, '--write-out', format, ...options).stdout);
  const [status, retryAfter] = all.slice(all.lastIndexOf('\n') + 1).split(' ');
  const answers = all.slice(0, all.lastIndexOf('\n')).replaceAll('}{"', '}\n{"').split('\n');
  const answer = JSON.parse(answers.at(-1));
  if (status !== '200') throw new Refusal(answer.error, Number(status), retryAfter);
  return answer;
}

function answerOf({ choices: [choice], usage, mmfree }) {
  return {
    text: choice.message?.content ?? choice.text,
    finish: choice.finish_reason,
    usage: usage.total_tokens,
    receipts: mmfree.receipts,
  };
}

async function read(how, more) {
  const events = await textOf(
    curl(how, '/v1/chat/completions', { ...CHAT, ...more, stream: true }, '--no-buffer').stdout,
  );
  const datas = events.split('\n\n').flatMap((event) => (event.startsWith('data: ') ? [event.slice(6)] : []));
  const ends = datas.at(-1) === '[DONE]';
  const seen = { text: '', finish: null, receipts: [] };
  for (const { error, choices, usage, mmfree } of datas
    .slice(0, ends ? -1 : undefined)
    .map((data) => JSON.parse(data))) {
    if (error && !ends) throw new Refusal(error);
    seen.text += choices[0]?.delta.content ?? '';
    seen.finish = choices[0]?.finish_reason ?? seen.finish;
    seen.receipts.push(...(mmfree?.receipts ?? []));
    if (usage) seen.usage = usage.total_tokens;
  }
  return seen;
}

const chat = async (how, more, ...options) =>
  answerOf(await ask(how, '/v1/chat/completions', { ...CHAT, ...more }, ...options));

export const curlProgram = {
  cases: {
    models: async (how) => (await ask(how, '/v1/models')).data.map(({ id }) => id),
    completion: async (how) => answerOf(await ask(how, '/v1/completions', { ...ASKED, prompt: PROMPT })),
    chat: async (how) => await chat(how),
    stream: async (how) => await read(how),
    usage: async (how) => await read(how, { stream_options: { include_usage: true } }),
    stop: async (how) => await chat(how, { stop: [STOP] }),
    logprobs: async (how) => {
      const { choices } = await ask(how, '/v1/chat/completions', { ...CHAT, logprobs: true, top_logprobs: 2 });
      return choices[0].logprobs.content.map(({ top_logprobs: top }) => top.map(({ logprob }) => logprob));
    },
    leave: async (how) => {
      const child = curl(how, '/v1/chat/completions', { ...CHAT, max_tokens: ENDLESS, stream: true }, '--no-buffer');
      await new Promise((resolve) => child.stdout.once('data', resolve));
      return child.kill('SIGINT');
    },
    refused: async (how) => await chat(how, { frequency_penalty: 1 }),
    noKey: async (how) => await chat(how),
    noRoom: async (how) => await chat(how),
    asksAgain: async (how) => await chat(how, {}, '--retry', '3'),
    responses: async (how) => await ask(how, '/v1/responses', { model: MODEL, input: PROMPT }),
    embeddings: async (how) => await ask(how, '/v1/embeddings', { model: MODEL, input: PROMPT }),
    shutDown: async (how) => await read(how, { max_tokens: ENDLESS }),
  },
  failureOf: ({ status, code, message, retryAfter }) => ({ status, code, message, retryAfter }),
};
