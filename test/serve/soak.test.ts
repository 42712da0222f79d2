/** The service at full load for long: its memory stays, and so does the number of its descriptors. */
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startReady, temporaryFolder } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { Prng } from '../oracle/prng.js';

/** Half an hour in the long run; for less, say so. CI is over before anything could grow. */
const MINUTES = count(0, Number(process.env['MMFREE_SOAK_MINUTES'] ?? 30));
const CLIENTS = 20;
/** Conversations go round, and texts repeat now and then: what is remembered is full, and stays so. */
const CONVERSATIONS = 40;
const TEXTS = 5_000;
const MOST_CONVERSATION_TOKENS = 500;
const SAMPLE_MS = 1_000;
const REST_MS = 20_000;

const path = temporaryFolder();
let service: ChildProcess;
let url = '';

beforeAll(async () => {
  if (MINUTES === 0) return;
  const options = ['--backend', 'cpu', '--state-dir', path('states'), '--prefix-cache', '8', '--log-level', 'silent'];
  const { child, ready } = await startReady('serve', '--port', '0', ...options);
  service = child;
  url = ready.url!;
});
afterAll(() => service?.kill('SIGKILL'));

/** MiB that are the process's own: pages of files, as of the image, come and go. */
function memoryMib(): number {
  const [, kib] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${service.pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

const descriptors = (): number => readdirSync(`/proc/${service.pid}/fd`).length;

/** When connections that are kept open for a while are closed. */
async function descriptorsAtRest(): Promise<number> {
  await sleep(REST_MS);
  return descriptors();
}

async function send(route: string, body: object, init: RequestInit = {}): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return await fetch(`${url}${route}`, { method: 'POST', headers, body: JSON.stringify(body), ...init });
}

/** One request of some kind, to its end or not. @returns tokens that came */
async function ask(random: Prng): Promise<number> {
  const seed = random.between(0, TEXTS - 1);
  const asked = { prompt: `Once upon a time number ${seed}`, max_tokens: random.between(20, 200), seed };
  const kind = random.between(0, 9);
  if (kind === 0) {
    const leaver = new AbortController();
    const response = await send('/v1/completions', { ...asked, stream: true }, { signal: leaver.signal });
    await response.body!.getReader().read();
    leaver.abort();
    return 0;
  }
  if (kind === 1) return await (await send('/v1/completions', { ...asked, n: 0 })).text().then(() => 0);
  if (kind === 2) return await (await send('/tokenize', { prompt: asked.prompt.repeat(50) })).text().then(() => 0);
  if (kind <= 4) return await talk(random);
  const response = await send('/v1/completions', { ...asked, stream: kind <= 7, logprobs: kind === 9 ? 2 : null });
  const tokens = Array.from((await response.text()).matchAll(/"tokens":\[([\d,]*)\]/g), ([, ids]) => ids!);
  // An answer that is no stream has them twice.
  const all = tokens.reduce((sum, ids) => sum + (ids === '' ? 0 : ids.split(',').length), 0);
  return kind <= 7 ? all : all / 2;
}

async function talk(random: Prng): Promise<number> {
  const conversation = `c${random.between(0, CONVERSATIONS - 1)}`;
  await fetch(`${url}/v1/conversations/${conversation}`, { method: 'PUT' });
  const messages = [{ role: 'user', content: 'Tell a tale.' }];
  const response = await send('/v1/chat/completions', { conversation, messages, max_tokens: 50 });
  const answer = (await response.json()) as {
    mmfree?: { tokens: number[]; conversation: { position: number } };
    error?: { code: string };
  };
  // Others talk in it too, and delete it.
  if (answer.mmfree === undefined) {
    expect(['conversation_busy', 'conversation_not_found']).toContain(answer.error?.code);
    return 0;
  }
  if (answer.mmfree.conversation.position > MOST_CONVERSATION_TOKENS) {
    await fetch(`${url}/v1/conversations/${conversation}`, { method: 'DELETE' });
  }
  return answer.mmfree.tokens.length;
}

it.skipIf(MINUTES === 0)(`${MINUTES} minutes: memory and descriptors stay`, async () => {
  const random = new Prng(30);
  // Threads for texts come when they are asked for.
  for (let request = 0; request < 30; request++) await ask(random);
  const idle = await descriptorsAtRest();
  const stopMs = performance.now() + 60_000 * MINUTES;
  let tokens = 0;
  let requests = 0;
  const memory: number[] = [];
  const open: number[] = [];
  async function beClient(): Promise<void> {
    while (performance.now() < stopMs) {
      tokens += await ask(random);
      requests++;
    }
  }
  async function look(): Promise<void> {
    while (performance.now() < stopMs) {
      await sleep(SAMPLE_MS);
      memory.push(memoryMib());
      open.push(descriptors());
    }
  }
  await Promise.all([look(), ...Array.from({ length: CLIENTS }, async () => await beClient())]);
  const idleAtEnd = await descriptorsAtRest();
  // The first half fills what is remembered; the other half is looked at in two parts.
  const [third, fourth] = [2, 3].map((part) => mean(quarter(memory, part))) as [number, number];
  const growth = fourth / third - 1;
  const [openThird, openFourth] = [2, 3].map((part) => Math.max(...quarter(open, part))) as [number, number];
  figure(
    `soak: the service, ${CLIENTS} clients, tales-9m on the processor`,
    `${MINUTES} minutes, ${requests} requests, ${tokens} tokens: memory ${third.toFixed(0)} → ${fourth.toFixed(0)} MiB (${(100 * growth).toFixed(1)} %), descriptors at most ${openThird} → ${openFourth}, at rest ${idle} → ${idleAtEnd}`,
  );
  expect(Math.abs(growth)).toBeLessThan(0.03);
  expect(idleAtEnd).toBeLessThanOrEqual(idle);
});

function quarter(samples: readonly number[], part: number): readonly number[] {
  return samples.slice(Math.floor((part * samples.length) / 4), Math.floor(((part + 1) * samples.length) / 4));
}

function mean(samples: readonly number[]): number {
  return samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
}
