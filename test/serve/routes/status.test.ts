/** What is told of the service itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMetrics } from '../../../serve/metrics.js';
import { mmfree } from '../../helpers/command-line.js';
import { serviceOf, talesOn, type ServiceUnderTest } from '../../helpers/service.js';

let tested: ServiceUnderTest;
beforeAll(async () => {
  tested = await serviceOf({ sources: [talesOn('cpu'), talesOn('reference')], limits: { seats: 4 } });
});
afterAll(async () => await tested?.close());

/** Name with labels → value. */
async function metrics(): Promise<Map<string, number>> {
  const text = await (await tested.ask('/metrics')).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

/** Nothing is computed any more: a place is free just after its text is told. */
async function idle(): Promise<void> {
  const { places } = tested.models.list[0]!.scheduler;
  while (places.some(({ runs }) => runs.size > 0)) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('/metrics', () => {
  it('counts requests, tokens and times', async () => {
    await tested.json('/v1/completions', { prompt: 'Once upon a time', max_tokens: 10, n: 2 });
    await tested.events('/v1/completions', { prompt: 'Once upon a time', max_tokens: 10, temperature: 0 });
    await tested.ask('/v1/completions', {});
    await tested.ask('/somewhere/else');
    await idle();
    const found = await metrics();
    const model = '{model="tales-9m"}';
    expect(Object.fromEntries(found)).toMatchObject({
      [`mmfree_prompt_tokens_total${model}`]: 8,
      [`mmfree_generation_tokens_total${model}`]: 30,
      'mmfree_request_success_total{model="tales-9m",finished_reason="length"}': 3,
      [`mmfree_time_to_first_token_seconds_count${model}`]: 3,
      [`mmfree_inter_token_latency_seconds_count${model}`]: expect.any(Number) as number,
      [`mmfree_e2e_request_latency_seconds_count${model}`]: 3,
      [`mmfree_request_queue_time_seconds_count${model}`]: 3,
      [`mmfree_num_requests_running${model}`]: 0,
      [`mmfree_num_requests_waiting${model}`]: 0,
      [`mmfree_machines${model}`]: 2,
      [`mmfree_seats${model}`]: 8,
      'mmfree_http_requests_total{path="/v1/completions",status="200"}': 2,
      'mmfree_http_requests_total{path="/v1/completions",status="400"}': 1,
      'mmfree_http_requests_total{path="other",status="404"}': 1,
    });
  });

  it('says nothing of a model that is gone', async () => {
    let models = tested.models.list;
    const gone = createMetrics(() => models);
    expect((await gone.page()).text).toContain('mmfree_machines{model="tales-9m"} 2');
    models = [];
    expect((await gone.page()).text).not.toContain('tales-9m');
  });

  it('is changed by no scrape but its own count', async () => {
    const [before, after] = [await metrics(), await metrics()];
    const own = 'mmfree_http_requests_total{path="/metrics",status="200"}';
    for (const found of [before, after]) found.delete(own);
    expect(after).toEqual(before);
  });
});

describe('/props', () => {
  it('has the defaults that the help of run has', async () => {
    const { defaults } = (await (await tested.ask('/props')).json()) as { defaults: Record<string, unknown> };
    const { stdout } = await mmfree('run', '--help');
    const text = stdout.text.replace(/\s+/g, ' ');
    for (const name of ['max-tokens', 'temperature', 'top-k', 'top-p']) {
      const [, value] = new RegExp(`--${name} .*?\\(default: ([\\d.]+)\\)`).exec(text) ?? [];
      expect([name, defaults[name.replaceAll('-', '_')]]).toEqual([name, Number(value)]);
    }
  });
});

describe('/slots', () => {
  it('has what is computed', async () => {
    const stream = await tested.ask('/v1/completions', {
      prompt: 'Once',
      max_tokens: 10_000,
      temperature: 2,
      stream: true,
    });
    const reader = stream.body!.getReader();
    await reader.read();
    const [{ machines }] = (await (await tested.ask('/slots')).json()) as [{ machines: { running: object[] }[] }];
    expect(machines.flatMap(({ running }) => running)).toEqual([
      expect.objectContaining({ priority: 0, max_tokens: 10_000, prompt_tokens: 2 }),
    ]);
    await reader.cancel();
    await idle();
    const [{ machines: later }] = (await (await tested.ask('/slots')).json()) as [
      { machines: { running: object[] }[] },
    ];
    expect(later.flatMap(({ running }) => running)).toEqual([]);
  });
});
