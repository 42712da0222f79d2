#!/usr/bin/env bash
# openai (npm): a server that asks for 61 seconds of patience is asked again within a second.
#
# A full server answers 429 with `Retry-After`. The package obeys values of up to 60 seconds; a greater one it throws away
# and takes its own first delay, about half a second. The busier a server says it is, the sooner it is asked again.
# RFC 9110 (10.2.3) has no such limit. A service should never send more than 60.
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
let times;
let patience;
const server = createServer((request, response) => {
  request.resume();
  times.push(Date.now());
  const isFirst = times.length === 1;
  response.writeHead(isFirst ? 429 : 200, {
    'content-type': 'application/json',
    ...(isFirst ? { 'retry-after': String(patience) } : {}),
  });
  response.end(JSON.stringify(isFirst ? { error: { message: 'busy' } } : { object: 'list', data: [] }));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const client = new OpenAI({ apiKey: 'none', baseURL: `http://127.0.0.1:${server.address().port}/v1` });
async function waited(seconds) {
  times = [];
  patience = seconds;
  await client.models.list();
  const ms = times[1] - times[0];
  console.log(`Retry-After: ${seconds}: asked again after ${(ms / 1000).toFixed(1)} s`);
  return ms;
}
const { version } = JSON.parse(readFileSync('node_modules/openai/package.json', 'utf8'));
console.log(`openai ${version} on Node ${process.version}`);
const obeyed = await waited(5);
const ignored = await waited(61);
process.exit(obeyed >= 5_000 && ignored < 5_000 ? 0 : 1);
EOT
node_modules/.bin/node seen.mjs
