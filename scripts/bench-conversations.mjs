/**
 * `npm run bench:conversations [-- --image <file>]`: how long a text that goes on waits for its first token, on this
 * computer's processor, as Markdown on stdout: a new text, a conversation of 4,000 tokens (also just after a restart),
 * and a text of 4,000 tokens that is sent again.
 *
 * The cases take turns, so that what else the computer does is shared among them.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { grouped, print, rows } from './bench-tables.mjs';
import { ensureBuilt, ensureInstalled } from './setup.mjs';

const ROUNDS = 21;
const LONG = 4000;
const SHORT = 10;

const { values } = parseArgs({ options: { image: { type: 'string' } } });
ensureInstalled();
ensureBuilt();
const folder = mkdtempSync(join(tmpdir(), 'mmfree-conversations-'));
const { startService } = await import('../dist/cli/work/bench/own-process.js');
const options = ['--backend', 'cpu', '--state-dir', folder];
if (values.image !== undefined) options.push('--image', values.image);
let service = await startService(options);

async function ask(path, method, body) {
  const response = await fetch(service.url + path, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(await response.text());
  return response;
}

/** Milliseconds until the first token of a stream is here. */
async function firstToken(body) {
  const startMs = performance.now();
  const response = await ask('/v1/completions', 'POST', { ...body, stream: true, max_tokens: 4 });
  let text = '';
  let firstMs;
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (firstMs === undefined && /"tokens":\[\d/.test(text)) firstMs = performance.now() - startMs;
  }
  if (firstMs === undefined) throw new Error(`no token: ${text}`);
  return firstMs;
}

/** Ids that differ from call to call, so that nothing of them is known. */
let drawn = 1;
const tokens = (count) => Array.from({ length: count }, () => 10 + ((drawn = (drawn * 48_271) % 0x7fff_ffff) % 4000));
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

async function converse(id) {
  await ask(`/v1/conversations/${id}`, 'PUT');
  await ask('/v1/completions', 'POST', { conversation: id, prompt: tokens(LONG), max_tokens: 0 });
}

try {
  const text = tokens(LONG);
  await converse('long');
  await firstToken({ prompt: text });
  const cases = {
    [`new text of ${SHORT} tokens`]: () => ({ prompt: tokens(SHORT) }),
    [`conversation of ${grouped(LONG)} tokens, ${SHORT} more`]: () => ({ conversation: 'long', prompt: tokens(SHORT) }),
    [`text of ${grouped(LONG)} tokens, sent again`]: () => ({ prompt: text }),
  };
  const found = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, body] of Object.entries(cases)) found[name].push(await firstToken(body()));
  }
  // The very first answers of a service: of a conversation, or of a new text.
  const restarted = { conversation: [], text: [] };
  for (let round = 0; round < 5; round++) {
    for (const [name, body] of [
      ['text', () => ({ prompt: tokens(SHORT) })],
      ['conversation', () => ({ conversation: 'long', prompt: tokens(SHORT) })],
    ]) {
      await service.end();
      service = await startService(options);
      restarted[name].push(await firstToken(body()));
    }
  }
  found[`new text of ${SHORT} tokens, first after a restart`] = restarted.text;
  found[`conversation of ${grouped(LONG)} tokens, first after a restart`] = restarted.conversation;
  print(
    ...rows(
      ['first token', 'median, ms', 'least', 'most'],
      Object.entries(found).map(([name, list]) => [
        name,
        ...[median(list), Math.min(...list), Math.max(...list)].map((ms) => ms.toFixed(1)),
      ]),
    ),
    '',
    `Node ${process.version}, load ${loadavg()[0].toFixed(2)} at the end, \`npm run bench:conversations\`.`,
  );
} finally {
  await service.end();
  rmSync(folder, { recursive: true });
}
