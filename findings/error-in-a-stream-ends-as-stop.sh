#!/usr/bin/env bash
# The AI SDK: after an error in the midst of a stream it reads on, and a later finish_reason makes the answer complete.
#
# Servers report a failure after the first token as `data: {"error": …}` in the stream. The package `ai` hands the error
# to `onError`, goes on reading, and if a chunk with finish_reason "stop" follows (servers often end every stream
# alike), `await result.finishReason` is "stop" and `result.text` resolves to the torn text. Without a chunk behind the
# error it is "error". The package openai throws at the error. A service must end the body right behind an error.
#
# Exit 0: seen as described. Exit 1: the packages behave otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >npm.log
npm install --no-audit --no-fund --save-exact node@24.21.0 ai@7.0.173 @ai-sdk/openai-compatible@3.0.92 >>npm.log 2>&1

cat >seen.mjs <<'EOT'
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { streamText } from 'ai';
const line = (object) => `data: ${JSON.stringify(object)}\n\n`;
const chunk = (delta, finish_reason) =>
  line({ id: 'a', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] });
let goesOn;
const server = createServer((request, response) => {
  request.resume();
  response.setHeader('content-type', 'text/event-stream');
  response.write(chunk({ role: 'assistant', content: 'Once upon' }, null));
  response.write(line({ error: { message: 'the device is gone', type: 'server_error', code: 'device_lost' } }));
  if (goesOn) response.write(chunk({}, 'stop') + 'data: [DONE]\n\n');
  response.end();
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const model = createOpenAICompatible({ name: 'local', baseURL: `http://127.0.0.1:${server.address().port}/v1` })('m');
const versionOf = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version;
console.log(`ai ${versionOf('ai')}, @ai-sdk/openai-compatible ${versionOf('@ai-sdk/openai-compatible')} on Node ${process.version}`);
const seen = [];
for (goesOn of [true, false]) {
  const result = streamText({ model, prompt: 'tell a tale', onError() {} });
  let text = '';
  for await (const piece of result.textStream) text += piece;
  const reason = await result.finishReason;
  console.log(`${goesOn ? 'a finish_reason follows the error' : 'the body ends at the error'}: ${JSON.stringify(text)}, ${reason}`);
  seen.push(reason);
}
process.exit(seen.join() === 'stop,error' ? 0 : 1);
EOT
node_modules/.bin/node seen.mjs
