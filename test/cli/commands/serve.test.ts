/** `mmfree serve` as a command: on a socket, from its first line to its end. */
import { writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import {
  COMMANDS,
  mmfreeJson,
  startCompiled,
  startReady,
  TALES_IMAGE,
  temporaryFolder,
} from '../../helpers/command-line.js';
import { count, figure } from '../../helpers/counts.js';
import { FakeProcess } from '../../helpers/fake-host.js';

interface RunningService {
  readonly url: string;
  /** Ctrl-C. @returns the exit code */
  stop(): Promise<number>;
}

async function startService(...options: string[]): Promise<RunningService> {
  const process = new FakeProcess();
  const running = process.run(COMMANDS, '--json', 'serve', '--port', '0', ...options);
  for (;;) {
    const lines = process.stdout.lines.map((line) => JSON.parse(line) as { type: string; url: string });
    const ready = lines.find(({ type }) => type === 'ready');
    if (ready !== undefined) {
      const stop = async (): Promise<number> => {
        process.interrupt();
        return (await running).exit;
      };
      return { url: ready.url, stop };
    }
    await Promise.race([new Promise<void>((resolve) => process.stdout.onWrite(resolve)), running]);
  }
}

describe('serve', () => {
  it('says where it is, answers, and ends at Ctrl-C when the answer is given', async () => {
    const service = await startService('--image', TALES_IMAGE, '--backend', 'cpu');
    expect(service.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const models = (await (await fetch(`${service.url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(models.data.map(({ id }) => id)).toEqual(['tales-9m']);
    const response = await fetch(`${service.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'Once', max_tokens: 300, temperature: 0, stream: true }),
    });
    const stopping = service.stop();
    const text = await response.text();
    expect(text).toMatch(/"finish_reason":"length".*\n\ndata: \[DONE\]\n\n$/);
    expect(await stopping).toBe(130);
    await expect(fetch(service.url)).rejects.toThrow('fetch failed');
  });

  it.each([
    ['an image that is none', ['--image', import.meta.filename], 6],
    ['an address of another computer', ['--host', '192.0.2.1'], 2],
    ['a board that is none', ['--board', 'tcp:'], 2],
  ])('refuses %s', async (_, options, exit) => {
    expect(await mmfreeJson('serve', '--port', '0', ...options)).toMatchObject({ exit });
  });
});

const path = temporaryFolder();

it('reads its options again at SIGHUP; where they are bad it says so and keeps what it had', async () => {
  const file = path('serve.json');
  const configure = (options: object | string): void =>
    writeFileSync(file, typeof options === 'string' ? options : JSON.stringify(options));
  configure({ image: [TALES_IMAGE], backend: 'cpu', port: 0, queue: 7 });
  const child = startCompiled('--json', 'serve', '--config', file);
  const lines = (stream: NodeJS.ReadableStream | null): AsyncIterator<string> =>
    createInterface({ input: stream! })[Symbol.asyncIterator]();
  const [said, logged] = [lines(child.stdout), lines(child.stderr)];
  const next = async (from: AsyncIterator<string>): Promise<Record<string, unknown>> =>
    JSON.parse((await from.next()).value as string) as Record<string, unknown>;
  try {
    let event = await next(said);
    while (event['type'] !== 'ready') event = await next(said);
    const { url } = event as { url: string };
    const reload = async (options: object | string): Promise<readonly [Record<string, unknown>, unknown]> => {
      configure(options);
      child.kill('SIGHUP');
      const line = await next(logged);
      const { limits } = (await (await fetch(`${url}/props`)).json()) as { limits: { queue: number } };
      await next(logged);
      return [line, limits.queue];
    };
    expect(await reload('{')).toEqual([expect.objectContaining({ level: 50, file, cause: expect.any(String) }), 7]);
    expect(await reload({ keys: path('none'), queue: 9 })).toEqual([expect.objectContaining({ level: 50 }), 7]);
    const [line, queue] = await reload({ image: [TALES_IMAGE], backend: 'cpu', port: 0, queue: 9, 'prefix-cache': 1 });
    expect([line['level'], queue]).toEqual([30, 9]);
    configure({ image: [TALES_IMAGE], backend: 'cpu', port: 1 });
    child.kill('SIGHUP');
    await next(logged);
    expect(await next(logged)).toMatchObject({ level: 40, options: ['--port'] });
  } finally {
    child.kill('SIGTERM');
  }
});

const STREAMS = count(20, 50);

it(`at SIGTERM ${STREAMS} open streams end with what they were to say, or with an error to ask again after`, async () => {
  const { child, ready } = await startReady('serve', '--port', '0', '--backend', 'cpu', '--log-level', 'silent');
  const responses = await Promise.all(
    Array.from({ length: STREAMS }, async (_, seed) => {
      const asked = { prompt: 'Once', max_tokens: 16_000, temperature: 3, seed, stream: true };
      const headers = { 'content-type': 'application/json' };
      return await fetch(`${ready.url}/v1/completions`, { method: 'POST', headers, body: JSON.stringify(asked) });
    }),
  );
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const startMs = performance.now();
  // Whoever takes longer than five seconds is cut off, which is no end.
  const ends = await Promise.all(responses.map(async (response) => (await response.text()).split('\n\n').at(-2)));
  const isProper = (end: string | undefined): boolean =>
    end === 'data: [DONE]' || (end?.startsWith('data: {"error":') === true && end.includes('"code":"shutting_down"'));
  expect(ends.filter((end) => !isProper(end))).toEqual([]);
  expect(ends.filter((end) => end !== 'data: [DONE]').length).toBeGreaterThan(0);
  expect(await exited).toEqual([143, null]);
  const seconds = (performance.now() - startMs) / 1000;
  figure(
    `stop: SIGTERM with ${STREAMS} open streams, each comes to its end or an error to ask again after`,
    `${seconds.toFixed(1)} s`,
  );
});
