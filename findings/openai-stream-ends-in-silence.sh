#!/usr/bin/env bash
# openai (npm): a stream that lost its end, or that is no stream, looks like a complete answer.
#
# `for await (const chunk of await client.chat.completions.create({ stream: true, … }))` ends without an error when the
# body ends before any finish_reason and before `data: [DONE]` (a proxy that closed in order), and also when the server
# answered one plain JSON object: then there is not one chunk, and no error either. `.stream()` of the same package
# throws in both cases. A caller of the loop must look whether it has seen a finish_reason.
#
# Exit 0: seen as described. Exit 1: the package behaves otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >npm.log
npm install --no-audit --no-fund --save-exact node@24.21.0 openai@7.59.0 >>npm.log 2>&1

cat >seen.mjs <<'EOT'
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import OpenAI from 'openai';
const head = { id: 'a', created: 1, model: 'm' };
const half = { ...head, object: 'chat.completion.chunk' };
half.choices = [{ index: 0, delta: { role: 'assistant', content: 'half an ans' }, finish_reason: null }];
const whole = { ...head, object: 'chat.completion' };
whole.choices = [{ index: 0, message: { role: 'assistant', content: 'an answer' }, finish_reason: 'stop' }];
const answers = {
  'the body ends early': ['text/event-stream', `data: ${JSON.stringify(half)}\n\n`],
  'plain JSON': ['application/json', JSON.stringify(whole)],
};
let answer;
const server = createServer((request, response) => {
  request.resume();
  response.setHeader('content-type', answer[0]);
  response.end(answer[1]);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const client = new OpenAI({ apiKey: 'none', baseURL: `http://127.0.0.1:${server.address().port}/v1`, maxRetries: 0 });
const body = { model: 'm', messages: [{ role: 'user', content: 'a question' }] };

async function loop() {
  let text = '';
  for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) {
    text += chunk.choices[0].delta.content ?? '';
  }
  return `ended without an error after ${JSON.stringify(text)}`;
}
const stream = async () => JSON.stringify((await client.chat.completions.stream(body).finalChatCompletion()).choices[0]);
const outcome = async (way) => {
  try {
    return await way();
  } catch (error) {
    return `${error.constructor.name}: ${error.message}`;
  }
};
const { version } = JSON.parse(readFileSync('node_modules/openai/package.json', 'utf8'));
console.log(`openai ${version} on Node ${process.version}`);
const seen = [];
for (const [name, given] of Object.entries(answers)) {
  answer = given;
  const found = [await outcome(loop), await outcome(stream)];
  console.log(`${name}:\n    the loop:  ${found[0]}\n    .stream(): ${found[1]}`);
  seen.push(found[0], found[1].startsWith('OpenAIError'));
}
const expected = ['ended without an error after "half an ans"', true, 'ended without an error after ""', true];
process.exit(JSON.stringify(seen) === JSON.stringify(expected) ? 0 : 1);
EOT
node_modules/.bin/node seen.mjs
