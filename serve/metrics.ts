/**
 * What Prometheus reads at /metrics: vLLM's names with `mmfree_` in front (https://docs.vllm.ai, "Production Metrics"),
 * so that dashboards fit, and machines. Text format 0.0.4; a scrape changes nothing.
 */
import type { Observer } from './answers/observer.js';
import type { Conversations } from './conversations/conversations.js';
import type { ServedModel } from './models/served-model.js';
import { Counter, Gauge, Histogram, Registry } from './packages/metrics.js';
import type { SchedulerEvents } from './scheduler/scheduler.js';

export interface Metrics {
  readonly observer: Observer;
  readonly events: Pick<Required<SchedulerEvents>, 'onStart' | 'onPreempted' | 'onAudited' | 'onMismatch'>;
  onMachineLost(): void;
  /** @param path of the route, not of the request, of which there are any number */
  onRequest(path: string, status: number): void;
  onPrompt(model: string, tokens: number): void;
  /** The page that is scraped, and its type. */
  page(): Promise<{ readonly text: string; readonly type: string }>;
}

/** Seconds. */
const FAST = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const SLOW = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** @param models they may not be there yet */
export function createMetrics(
  models: () => readonly ServedModel[],
  conversations: () => Conversations | undefined = () => undefined,
): Metrics {
  const register = new Registry();
  const registers = [register];
  const histogram = (name: string, help: string, buckets: number[]): Histogram<'model'> =>
    new Histogram({ name: `mmfree_${name}`, help, buckets, labelNames: ['model'], registers });
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]): Counter<Label> =>
    new Counter({ name: `mmfree_${name}_total`, help, labelNames, registers });

  /** Of what there is at the moment, looked at when it is read. */
  const gauge = (name: string, help: string, of: (model: ServedModel) => number): void =>
    void new Gauge({
      name: `mmfree_${name}`,
      help,
      labelNames: ['model'],
      registers,
      collect() {
        // Of models that are gone there is nothing.
        this.reset();
        for (const model of models()) this.set({ model: model.id }, of(model));
      },
    });

  const queueTime = histogram('request_queue_time_seconds', 'Time that texts waited for a place', SLOW);
  const firstToken = histogram('time_to_first_token_seconds', 'From a request to the first token of a choice', SLOW);
  const betweenTokens = histogram('inter_token_latency_seconds', 'Time between two tokens of a choice', FAST);
  const endToEnd = histogram('e2e_request_latency_seconds', 'From a request to the end of a choice', SLOW);
  const promptTokens = counter('prompt_tokens', 'Tokens of prompts', 'model');
  const cached = counter(
    'prompt_tokens_cached',
    'Of these, tokens that were not fed, as a state behind them was known',
    'model',
  );
  const generated = counter('generation_tokens', 'Tokens that were generated', 'model');
  const succeeded = counter('request_success', 'Choices that came to their end, by reason', 'model', 'finished_reason');
  const preempted = counter('num_preemptions', 'Texts that were taken from their machine for more urgent ones');
  const lost = counter('machines_lost', 'Machines that failed in service');
  const audited = counter('audit_checked', 'Answers that were computed again on another machine', 'model');
  const mismatches = counter(
    'audit_mismatches',
    'Of those, answers that differ, by the machine that is wrong',
    'model',
    'machine',
  );
  const requests = counter('http_requests', 'Requests, by route and status', 'path', 'status');

  gauge('num_requests_running', 'Texts that are computed', ({ scheduler }) =>
    scheduler.places.reduce((sum, { runs }) => sum + runs.size, 0),
  );
  gauge('num_requests_waiting', 'Texts that wait for a place', ({ scheduler }) => scheduler.waiting);
  gauge('machines', 'Machines in service', ({ scheduler }) => scheduler.places.length);
  gauge(
    'machines_distrusted',
    'Machines that are out of service for good',
    ({ scheduler }) => scheduler.distrusted.size,
  );
  gauge(
    'prefix_cache_bytes',
    'Memory that states of beginnings of texts take',
    ({ scheduler }) => scheduler.prefixes.bytes,
  );
  gauge('prefix_cache_states', 'States of beginnings of texts', ({ scheduler }) => scheduler.prefixes.size);
  const conversationGauge = (name: string, help: string, of: (conversations: Conversations) => number): void =>
    void new Gauge({
      name: `mmfree_${name}`,
      help,
      registers,
      collect() {
        const kept = conversations();
        if (kept !== undefined) this.set(of(kept));
      },
    });
  conversationGauge('conversations', 'Conversations on the disk', ({ list }) => list.length);
  conversationGauge('conversations_bytes', 'What they take', ({ list }) =>
    list.reduce((sum, [, { bytes }]) => sum + bytes, 0),
  );
  gauge('seats', 'Texts that machines in service compute at once', ({ scheduler }) =>
    scheduler.places.reduce((sum, { seats }) => sum + seats, 0),
  );

  return {
    observer: {
      onFirstToken: (model, seconds) => firstToken.observe({ model }, seconds),
      onTokens: (model, count, seconds) => {
        for (let token = 0; token < count; token++) betweenTokens.observe({ model }, seconds);
      },
      onDone: (model, { reason, tokens, found, seconds }) => {
        cached.inc({ model }, found);
        generated.inc({ model }, tokens);
        succeeded.inc({ model, finished_reason: reason });
        endToEnd.observe({ model }, seconds);
      },
    },
    events: {
      onStart: (_, waitedMs, model) => queueTime.observe({ model }, waitedMs / 1000),
      onPreempted: () => preempted.inc(),
      onAudited: (model) => audited.inc({ model }),
      onMismatch: (model, machine) => mismatches.inc({ model, machine: machine ?? 'unknown' }),
    },
    onMachineLost: () => lost.inc(),
    onRequest: (path, status) => requests.inc({ path, status }),
    onPrompt: (model, tokens) => promptTokens.inc({ model }, tokens),
    page: async () => ({ text: await register.metrics(), type: register.contentType }),
  };
}
