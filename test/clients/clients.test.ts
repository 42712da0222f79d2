/**
 * Clients of other makers, unmodified, at the compiled service: what they make of it is what their users get. The table
 * of docs/SERVING.md has all of these cases.
 *
 * Clients want Node 22, so each is a process of its own, on this Node if it is new enough, and on those of
 * scripts/other-nodes.mjs.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mmfreeJson, startReady, TALES_IMAGE, temporaryFolder } from '../helpers/command-line.js';
import { figure } from '../helpers/counts.js';
import type { Answer } from '../helpers/service.js';

const CLIENTS = ['curl', 'openai', 'openai `.stream()`', 'AI SDK', 'LangChain.js'] as const;

/** Case → what it is called in the table. */
const CASES = {
  models: 'lists models',
  completion: 'completion',
  chat: 'chat, with receipts',
  stream: 'stream, with receipts in its chunks',
  usage: 'usage at the end of a stream',
  stop: 'stop string',
  logprobs: 'log-probabilities',
  leave: 'leaves in mid-stream: the text ends',
  refused: '400, with its code',
  noKey: '401, with its code',
  noRoom: '429, with `Retry-After`',
  asksAgain: '429, and asks again by itself',
  responses: '404 of /v1/responses, with a hint',
  embeddings: '404 of /v1/embeddings',
  shutDown: 'error in mid-stream',
} as const;
type Case = keyof typeof CASES;

const OLDEST_NODE = 22;
const isNewEnough = (node: string): boolean => Number(/node-(\d+)/.exec(node)?.[1]) >= OLDEST_NODE;
const OTHER_NODES = (process.env['MMFREE_TEST_NODES'] ?? '').split('\n').filter(isNewEnough);
const NODES = Number(process.versions.node.split('.')[0]) >= OLDEST_NODE ? [process.execPath] : OTHER_NODES;
const installed = process.env['MMFREE_TEST_CLIENTS'] === '1';

/** What a client saw. */
interface Outcome {
  readonly text: string;
  readonly finish?: string | null;
  readonly usage?: number;
  readonly receipts?: readonly string[];
}

interface Message {
  readonly outcome?: Outcome | readonly string[] | readonly number[][] | boolean;
  readonly failure?: Readonly<Record<'status' | 'code' | 'message' | 'retryAfter', unknown>>;
  /** The first message. */
  readonly cases?: readonly Case[];
  readonly completionAs?: object;
  readonly asked?: Asked;
}

/** adapters/asked.mjs. */
interface Asked {
  readonly MODEL: string;
  readonly PROMPT: string;
  readonly MESSAGES: readonly object[];
  readonly SEED: number;
  readonly TEMPERATURE: number;
  readonly MOST_TOKENS: number;
  readonly STOP: string;
  readonly ENDLESS: number;
}

const SEATS = CLIENTS.length;
const QUEUE = 1;
const ADAPTERS = join(import.meta.dirname, 'adapters/main.mjs');
const path = temporaryFolder();
/** Cells of the table. */
const tried = new Set<string>();

const SKIPPED = !installed || NODES.length === 0;
const PLACES = SKIPPED ? ['a newer Node (skipped: test:nodes and test:long have it, and install the clients)'] : NODES;

describe.skipIf(SKIPPED).each(PLACES)('clients on %s', (node) => {
  const processes = new Map<string, ChildProcess>();
  const hello = new Map<string, Message>();
  let service: ChildProcess;
  let url = '';
  let key = '';
  let asked: Asked;

  beforeAll(async () => {
    const keys = path(`${PLACES.indexOf(node)}.keys`);
    key = String((await mmfreeJson('key', '--service', 'client', '-o', keys)).result['key']);
    const options = ['--image', TALES_IMAGE, '--backend', 'cpu', '--keys', keys, '--log-level', 'silent'];
    const places = ['--seats', `${SEATS}`, '--queue', `${QUEUE}`];
    const started = await startReady('serve', '--port', '0', ...options, ...places);
    service = started.child;
    url = started.ready.url!;
    for (const client of CLIENTS) {
      const child = fork(ADAPTERS, [client], { execPath: node, stdio: ['ignore', 'inherit', 'ignore', 'ipc'] });
      processes.set(client, child);
      hello.set(client, await next(child));
      asked = hello.get(client)!.asked!;
    }
  });
  afterAll(() => {
    for (const child of [service, ...processes.values()]) child?.kill('SIGKILL');
  });

  async function next(child: ChildProcess): Promise<Message> {
    const dead = once(child, 'exit').then(() => Promise.reject(new Error('the client has ended')));
    const [message] = (await Promise.race([once(child, 'message'), dead])) as [Message];
    return message;
  }

  /** What a client makes of a case. */
  async function as(client: string, wanted: Case, how = { url, key }): Promise<Message> {
    tried.add(`${client}: ${wanted}`);
    const child = processes.get(client)!;
    child.send({ wanted, how });
    return await next(child);
  }

  const has = (client: string, wanted: Case): boolean => hello.get(client)!.cases!.includes(wanted);

  async function raw(route: string, body?: object, signal?: AbortSignal): Promise<Response> {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    return await fetch(`${url}${route}`, { headers, ...sent, ...(signal && { signal }) });
  }

  /** What the service says to the same question. */
  async function answerTo(route: string, more: object): Promise<Answer> {
    const { MODEL: model, SEED: seed, TEMPERATURE: temperature, MOST_TOKENS: most } = asked;
    const body = { model, seed, temperature, max_tokens: most, ...more };
    return (await (await raw(route, body)).json()) as Answer;
  }

  async function told(route: string, more: object): Promise<Required<Outcome>> {
    const { choices, usage, mmfree } = await answerTo(route, more);
    const text = choices[0]!.message?.content ?? choices[0]!.text;
    return { text, finish: choices[0]!.finish_reason, usage: usage.total_tokens, receipts: mmfree.receipts };
  }
  const toldInChat = async (more = {}): Promise<Required<Outcome>> =>
    await told('/v1/chat/completions', { messages: asked.MESSAGES, ...more });

  async function metric(name: string): Promise<number> {
    const lines = (await (await raw('/metrics')).text())
      .split('\n')
      .filter((line) => line.startsWith(`mmfree_${name}`));
    return lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
  }
  const until = async (done: () => Promise<boolean>): Promise<void> => {
    while (!(await done())) await sleep(20);
  };
  const refusals = async (): Promise<number> =>
    await metric('http_requests_total{path="/v1/chat/completions",status="429"}');

  /** All places taken, and the queue full, until what it returns is called. */
  async function filled(): Promise<() => Promise<void>> {
    const leaving = new AbortController();
    // Without chance the model comes to no end of its own: with it a place may be free before anybody asks for it.
    const long = { prompt: asked.PROMPT, max_tokens: asked.ENDLESS, temperature: 0 };
    for (let text = 0; text < SEATS + QUEUE; text++) raw('/v1/completions', long, leaving.signal).catch(() => {});
    await until(async () => (await metric('num_requests_waiting')) === QUEUE);
    return async () => {
      leaving.abort();
      await until(async () => (await metric('num_requests_running')) + (await metric('num_requests_waiting')) === 0);
    };
  }

  const EXPECTED: Readonly<Record<Case, (client: string) => Promise<void>>> = {
    models: async (client) => {
      expect(await as(client, 'models')).toEqual({ outcome: [asked.MODEL] });
    },
    completion: async (client) => {
      const same = await told('/v1/completions', { prompt: asked.PROMPT, ...hello.get(client)!.completionAs });
      const { outcome } = await as(client, 'completion');
      expect(same).toMatchObject(outcome as Outcome);
      expect((outcome as Outcome).text).not.toBe('');
    },
    chat: async (client) => {
      expect(await as(client, 'chat')).toEqual({ outcome: await toldInChat() });
    },
    stream: async (client) => {
      const { text, finish, receipts } = await toldInChat();
      expect(await as(client, 'stream')).toMatchObject({ outcome: { text, finish, receipts } });
    },
    usage: async (client) => {
      expect(await as(client, 'usage')).toEqual({ outcome: await toldInChat() });
    },
    stop: async (client) => {
      const stopped = await toldInChat({ stop: asked.STOP });
      expect([stopped.finish, stopped.text.includes(asked.STOP)]).toEqual(['stop', false]);
      expect(await as(client, 'stop')).toEqual({ outcome: stopped });
    },
    logprobs: async (client) => {
      const { choices } = await answerTo('/v1/chat/completions', {
        messages: asked.MESSAGES,
        logprobs: true,
        top_logprobs: 2,
      });
      const lists = choices[0]!.logprobs!.content!.map(({ top_logprobs: top }) => top.map(({ logprob }) => logprob));
      expect(lists.map(({ length }) => length)).toEqual(Array.from({ length: asked.MOST_TOKENS }, () => 2));
      expect(await as(client, 'logprobs')).toEqual({ outcome: lists });
    },
    leave: async (client) => {
      const before = await metric('generation_tokens_total');
      expect(await as(client, 'leave')).toEqual({ outcome: true });
      await until(async () => (await metric('num_requests_running')) === 0);
      expect((await metric('generation_tokens_total')) - before).toBeLessThan(asked.ENDLESS);
    },
    refused: async (client) => {
      const failure = {
        status: 400,
        code: 'unsupported_parameter',
        message: expect.stringContaining('penalty') as string,
      };
      expect(await as(client, 'refused')).toMatchObject({ failure });
    },
    noKey: async (client) => {
      const failure = { status: 401, code: 'invalid_api_key' };
      expect(await as(client, 'noKey', { url, key: 'wrong' })).toMatchObject({ failure });
    },
    noRoom: async (client) => {
      const free = await filled();
      const failure = { status: 429, retryAfter: expect.stringMatching(/^([1-9]|[1-5]\d|60)$/) as string };
      expect(await as(client, 'noRoom')).toMatchObject({ failure });
      await free();
    },
    asksAgain: async (client) => {
      const free = await filled();
      const before = await refusals();
      const answer = as(client, 'asksAgain');
      await until(async () => (await refusals()) > before);
      await free();
      expect(await answer).toEqual({ outcome: await toldInChat() });
    },
    responses: async (client) => {
      const failure = { status: 404, message: expect.stringContaining('/v1/chat/completions') as string };
      expect(await as(client, 'responses')).toMatchObject({ failure });
    },
    embeddings: async (client) => {
      expect(await as(client, 'embeddings')).toMatchObject({ failure: { status: 404, code: 'not_found' } });
    },
    shutDown: async (client) => {
      expect(await shutDowns.get(client)).toMatchObject({ failure: { code: 'shutting_down' } });
    },
  };

  /** All of them read a stream when the service is stopped. */
  let shutDowns = new Map<string, Promise<Message>>();

  describe.each(Object.entries(CASES) as [Case, string][])('%s', (wanted) => {
    if (wanted === 'shutDown') {
      beforeAll(async () => {
        shutDowns = new Map(CLIENTS.map((client) => [client, as(client, 'shutDown')]));
        await until(async () => (await metric('num_requests_running')) === CLIENTS.length);
        service.kill('SIGTERM');
      });
    }
    it.for(CLIENTS)('%s', async (client, { skip }) => {
      if (!has(client, wanted)) skip('the client has nothing of the kind');
      await EXPECTED[wanted](client);
    });
  });

  it('are the table of docs/SERVING.md', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/SERVING.md'), 'utf8');
    const rows = page.split('\n').flatMap((line) =>
      line.startsWith('| ')
        ? [
            line
              .split('|')
              .slice(1, -1)
              .map((cell) => cell.trim()),
          ]
        : [],
    );
    const found = (Object.entries(CASES) as [Case, string][]).map(([wanted, title]) => [
      title,
      ...CLIENTS.map((client) => (tried.has(`${client}: ${wanted}`) ? '✓' : '–')),
    ]);
    for (const row of found) expect(rows).toContainEqual(row);
    figure('clients of other makers', `${tried.size} cases of ${CLIENTS.length} clients, all as expected`);
  });
});
