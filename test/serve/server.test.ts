/** The service on a socket: who leaves, who sends slowly, how it ends, TLS. */
import { once } from 'node:events';
import { request } from 'node:https';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../serve/app.js';
import { listen, type RunningServer } from '../../serve/server.js';
import { count } from '../helpers/counts.js';
import { eventsOf, serviceOf, type ServiceUnderTest } from '../helpers/service.js';
import { CERTIFICATE } from '../fixtures/certificate.js';

let tested: ServiceUnderTest;
let server: RunningServer;
beforeAll(async () => {
  tested = await serviceOf();
  server = await listen(createApp(tested.service), { host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  server?.cut();
  await tested?.close();
});

const LONG = { prompt: 'Once', max_tokens: 16_000, temperature: 3 };

async function post(body: object, signal?: AbortSignal): Promise<Response> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  return await fetch(`${server.url}/v1/completions`, { ...init, ...(signal && { signal }) });
}

const running = (): number => tested.models.list[0]!.scheduler.places.reduce((sum, { runs }) => sum + runs.size, 0);

describe('who leaves', () => {
  it.each([true, false])('frees his place, with stream: %s', async (stream) => {
    const leaver = new AbortController();
    const response = post({ ...LONG, stream }, leaver.signal);
    if (stream) await (await response).body!.getReader().read();
    while (running() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    leaver.abort();
    await response.catch(() => {});
    while (running() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(running()).toBe(0);
  });
});

it('a request that is none is refused, and others go on', async () => {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.end('GARBAGE\r\n\r\n');
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
  expect((await post({ prompt: 'Once', max_tokens: 1 })).status).toBe(200);
});

describe('who takes nothing of what is sent', () => {
  const endless = (onCancel: () => void): ReadableStream<Uint8Array> =>
    new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(2 ** 16)), cancel: onCancel });

  it('is cut off, and what was made for him ends', async () => {
    let cancel = (): void => {};
    const cancelled = new Promise<void>((resolve) => (cancel = resolve));
    const fetch = (): Response => new Response(endless(cancel));
    const stalling = await listen({ fetch }, { host: '127.0.0.1', port: 0 }, { stallMs: 100 });
    const socket = connect(Number(new URL(stalling.url).port), '127.0.0.1').pause();
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await expect(cancelled).resolves.toBeUndefined();
    socket.destroy();
    stalling.cut();
  });

  it('is nobody who waits for an answer that takes long', async () => {
    const late = new Promise<Response>((resolve) => setTimeout(() => resolve(new Response('late')), 300));
    const slow = await listen({ fetch: async () => await late }, { host: '127.0.0.1', port: 0 }, { stallMs: 20 });
    expect(await (await fetch(slow.url)).text()).toBe('late');
    slow.cut();
  });
});

describe('who sends nothing, or not all', () => {
  const HEAD = 'POST /v1/completions HTTP/1.1\r\nhost: localhost\r\n';
  const QUICK = {
    headersTimeout: 100,
    requestTimeout: 200,
    keepAliveTimeout: 50,
    handshakeTimeout: 100,
    connectionsCheckingInterval: 20,
  };

  it.each([
    ['nothing behind an answer', 'GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n', /^HTTP\/1\.1 200 /],
    ['nothing', '', /^HTTP\/1\.1 408 /],
    ['half a head', HEAD, /^HTTP\/1\.1 408 /],
    ['half a body', `${HEAD}content-type: application/json\r\ncontent-length: 9\r\n\r\n{"a"`, /^HTTP\/1\.1 408 /],
    ['a head that is too long', `${HEAD}x: ${'x'.repeat(16 * 1024)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
  ])('%s: he is cut off', async (_, sent, answer) => {
    const quick = await listen(createApp(tested.service), { host: '127.0.0.1', port: 0 }, QUICK);
    const socket = connect(Number(new URL(quick.url).port), '127.0.0.1');
    socket.write(sent);
    expect(await text(socket)).toMatch(answer);
    // It is not the service that failed.
    expect(tested.failures).toEqual([]);
    quick.cut();
  });

  it('no greeting of TLS: he is cut off', async () => {
    const quick = await listen(createApp(tested.service), { host: '127.0.0.1', port: 0, tls: CERTIFICATE }, QUICK);
    const socket = connect(Number(new URL(quick.url).port), '127.0.0.1').resume();
    await expect(once(socket, 'close')).resolves.toBeDefined();
    quick.cut();
  });
});

it('answers by HTTPS, with a certificate that is replaced while it runs', async () => {
  const secure = await listen(createApp(tested.service), { host: '127.0.0.1', port: 0, tls: CERTIFICATE });
  expect(secure.url).toMatch(/^https:/);
  secure.replaceCertificate(CERTIFICATE);
  const asked = request(`${secure.url}/health`, { ca: Buffer.from(CERTIFICATE.cert), servername: 'localhost' });
  asked.end();
  const [response] = (await once(asked, 'response')) as [NodeJS.ReadableStream & { statusCode: number }];
  expect([response.statusCode, await text(response)]).toEqual([200, '{"status":"ok","distrusted":[]}']);
  secure.cut();
});

const STREAMS = count(20, 50);

it(`at its end ${STREAMS} open streams come to a proper end or an error to ask again after, and no connection stays`, async () => {
  const short = post({ prompt: 'Once', max_tokens: 50, temperature: 0, stream: true });
  const streams = await Promise.all(
    Array.from({ length: STREAMS }, async (_, seed) => await post({ ...LONG, seed, stream: true })),
  );
  const drained = Promise.all([server.drained(), tested.models.drained()]);
  expect(eventsOf(await (await short).text()).at(-1)).toMatchObject({ choices: [{ finish_reason: 'length' }] });
  tested.models.end();
  const ends = await Promise.all(streams.map(async (stream) => (await stream.text()).trim().split('\n\n').at(-1)));
  const isRetryable = (end: string | undefined): boolean =>
    end?.includes('"type":"server_error"') === true && end.includes('"code":"shutting_down"');
  // Some tales are short.
  expect(ends.filter((end) => end !== 'data: [DONE]' && !isRetryable(end))).toEqual([]);
  expect(ends.filter(isRetryable).length).toBeGreaterThan(STREAMS / 2);
  await drained;
  expect(tested.failures).toEqual([]);
});
