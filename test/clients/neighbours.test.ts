/**
 * Debian's nginx and Prometheus beside the compiled service, with the files of examples/service, in which only places
 * differ.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mmfreeJson, startReady, TALES_IMAGE, temporaryFolder } from '../helpers/command-line.js';
import { figureOfCases } from '../helpers/counts.js';
import { eventsOf, type Answer } from '../helpers/service.js';

const isThere = (program: string): boolean =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
const PROGRAMS = ['nginx', 'prometheus', 'promtool', 'openssl'];
const missing = PROGRAMS.filter((program) => !isThere(program));
const NAME = 'box.example';
const SKIPPED =
  missing.length > 0 ? ` (skipped without ${missing.join(', ')}: apt-get install nginx-light prometheus)` : '';

const path = temporaryFolder();

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done().catch(() => false))) await sleep(50);
}

describe.skipIf(missing.length > 0)(`neighbours of the service${SKIPPED}`, () => {
  figureOfCases('nginx and Prometheus beside the service');
  const running: ChildProcess[] = [];
  let service = '';
  let key = '';
  let nginxPort = 0;
  let prometheusPort = 0;

  beforeAll(async () => {
    key = String((await mmfreeJson('key', '--service', 'neighbour', '-o', path('keys'))).result['key']);
    const options = ['--image', TALES_IMAGE, '--backend', 'cpu', '--keys', path('keys'), '--log-level', 'silent'];
    const { child, ready } = await startReady('serve', '--port', '0', '--allow-host', NAME, ...options);
    running.push(child);
    service = ready.url!;
    [nginxPort, prometheusPort] = [await freePort(), await freePort()];
    startNginx();
    startPrometheus();
    await until(async () => (await throughNginx('/health')).statusCode === 200);
  });
  afterAll(async () => {
    for (const child of running) {
      child.kill();
      await once(child, 'exit');
    }
  });

  /** A file of examples/service, with the places of this test. */
  function example(name: string, places: Readonly<Record<string, string>>): string {
    let file = readFileSync(join(import.meta.dirname, '../../examples/service', name), 'utf8');
    for (const [place, here] of Object.entries({ ...places, '127.0.0.1:8080': new URL(service).host })) {
      expect(file).toContain(place);
      file = file.replace(place, here);
    }
    writeFileSync(path(name), file);
    return path(name);
  }

  function startNginx(): void {
    const subject = ['-subj', `/CN=${NAME}`, '-addext', `subjectAltName=DNS:${NAME}`];
    const files = ['-keyout', path('key.pem'), '-out', path('cert.pem')];
    spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject, ...files], { stdio: 'ignore' });
    const site = example('nginx.conf', {
      '443 ssl': `127.0.0.1:${nginxPort} ssl`,
      '/etc/mmfree/cert.pem': path('cert.pem'),
      '/etc/mmfree/key.pem': path('key.pem'),
    });
    const log = `error_log ${path('error.log')};`;
    writeFileSync(
      path('main.conf'),
      `daemon off; pid ${path('nginx.pid')}; ${log} events {} http { access_log ${path('access.log')}; include ${site}; }`,
    );
    running.push(spawn('nginx', ['-c', path('main.conf'), '-e', path('error.log')], { stdio: 'ignore' }));
  }

  function startPrometheus(): void {
    writeFileSync(path('service.key'), key);
    const file = example('prometheus.yml', { '/etc/prometheus/mmfree.key': path('service.key'), '15s': '1s' });
    const places = [`--storage.tsdb.path=${path('data')}`, `--web.listen-address=127.0.0.1:${prometheusPort}`];
    running.push(spawn('prometheus', [`--config.file=${file}`, ...places], { stdio: 'ignore' }));
  }

  async function throughNginx(route: string, body?: object, host = NAME): Promise<IncomingMessage> {
    const sent = request(`https://127.0.0.1:${nginxPort}${route}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { host, authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ca: readFileSync(path('cert.pem')),
      servername: NAME,
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  }

  async function metrics(): Promise<string> {
    return await (await fetch(`${service}/metrics`, { headers: { authorization: `Bearer ${key}` } })).text();
  }
  const isIdle = async (): Promise<boolean> => /^mmfree_num_requests_running\{.*\} 0$/m.test(await metrics());

  const ASKED = { prompt: 'Once upon a time', max_tokens: 40, seed: 5 };

  it('nginx lets answers and streams through, unchanged', async () => {
    const whole = JSON.parse(await text(await throughNginx('/v1/completions', ASKED))) as Answer;
    const chunks = eventsOf(await text(await throughNginx('/v1/completions', { ...ASKED, stream: true })));
    expect(chunks.flatMap(({ mmfree }) => mmfree.receipts)).toEqual(whole.mmfree.receipts);
    expect(chunks.map(({ choices }) => choices[0]!.text).join('')).toBe(whole.choices[0]!.text);
  });

  it('nginx passes on the first token while others are computed, and that a client has left', async () => {
    const stream = await throughNginx('/v1/completions', { ...ASKED, max_tokens: 16_000, stream: true });
    await once(stream, 'data');
    expect(await isIdle()).toBe(false);
    stream.destroy();
    await until(isIdle);
    expect(/^mmfree_generation_tokens_total\{.*\} (\d+)$/m.exec(await metrics())![1]).toMatch(/^\d{1,4}$/);
  });

  it('the service refuses other names, also behind nginx', async () => {
    expect((await throughNginx('/v1/models', undefined, 'foreign.example')).statusCode).toBe(421);
  });

  it('promtool has no complaint', async () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: await metrics(),
      encoding: 'utf8',
    });
    expect([status, stdout + stderr]).toEqual([0, '']);
  });

  it('Prometheus scrapes what /metrics says', async () => {
    await until(isIdle);
    const told = /^mmfree_generation_tokens_total\{.*\} (\d+)$/m.exec(await metrics())![1];
    expect(Number(told)).toBeGreaterThan(0);
    const query = `http://127.0.0.1:${prometheusPort}/api/v1/query?query=mmfree_generation_tokens_total`;
    const asked = async (): Promise<string> => await (await fetch(query)).text();
    await until(async () => (await asked()).includes(`"${told}"`));
    expect(await asked()).toContain('"model":"tales-9m"');
  });
});
