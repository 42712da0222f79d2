#!/usr/bin/env bash
# The AI SDK: the prompt of a completion model is sent as a conversation, with a stop string that nobody gave.
#
# `completionModel(…)` of @ai-sdk/openai-compatible is the way to /v1/completions. Whoever asks it to go on with
# "Once upon a time" sends "user:\nOnce upon a time\n\nassistant:\n" and the stop string "\nuser:", and hears no warning
# of it. A model that was never taught to talk gets something else to go on with, and a text in which "user:" begins a
# line ends there as if it had come to its end. The package openai sends the prompt as it is.
#
# Exit 0: seen as described. Exit 1: the packages behave otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >npm.log
npm install --no-audit --no-fund --save-exact node@24.21.0 ai@7.0.173 @ai-sdk/openai-compatible@3.0.92 openai@7.59.0 \
  >>npm.log 2>&1

cat >seen.mjs <<'EOS'
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { text as bodyOf } from 'node:stream/consumers';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText } from 'ai';
import OpenAI from 'openai';
let asked;
const server = createServer(async (request, response) => {
  asked = { path: request.url, ...JSON.parse(await bodyOf(request)) };
  const choices = [{ index: 0, text: ' there was a king', finish_reason: 'stop', logprobs: null }];
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ id: 'a', object: 'text_completion', created: 1, model: 'm', choices }));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const at = { baseURL: `http://127.0.0.1:${server.address().port}/v1`, apiKey: 'none' };
const prompt = 'Once upon a time';
const ways = {
  openai: async () => (await new OpenAI(at).completions.create({ model: 'm', prompt }), []),
  '@ai-sdk/openai-compatible': async () => {
    const model = createOpenAICompatible({ name: 'local', ...at }).completionModel('m');
    return (await generateText({ model, prompt })).warnings ?? [];
  },
};
globalThis.AI_SDK_LOG_WARNINGS = false;
console.log(`Node ${process.version}`);
const seen = [];
for (const [name, way] of Object.entries(ways)) {
  const told = (await way()).filter((warning) => /prompt|stop/i.test(JSON.stringify(warning)));
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'));
  const what = JSON.stringify({ prompt: asked.prompt, stop: asked.stop });
  console.log(`${name} ${version}: ${asked.path} with ${what}, warnings of it: ${told.length}`);
  seen.push(asked.path, asked.prompt, asked.stop ?? null, told.length);
}
const chat = [`user:\n${prompt}\n\nassistant:\n`, ['\nuser:'], 0];
const described = ['/v1/completions', prompt, null, 0, '/v1/completions', ...chat];
process.exit(JSON.stringify(seen) === JSON.stringify(described) ? 0 : 1);
EOS
node_modules/.bin/node seen.mjs
