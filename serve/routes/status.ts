/**
 * How the service is: for who restarts it, who sends it requests, who watches it, and who wants to know what it takes.
 */
import { USUAL_SAMPLING } from '../../protocol/sampling.js';
import { VERSION } from '../../protocol/version.js';
import { noMachine } from '../api-error.js';
import { openApiDocument } from '../openapi.js';
import { USUAL_MAX_TOKENS } from '../schemas.js';
import type { Place } from '../scheduler/place.js';
import type { App, Service } from '../service.js';

export function statusRoutes(app: App, service: Service): void {
  app.get('/health', (context) => {
    const distrusted = service.models.flatMap(({ scheduler }) => [...scheduler.distrusted]);
    return context.json({ status: 'ok', distrusted });
  });
  app.get('/ready', (context) => {
    const { models } = service;
    const idle = models.find(({ scheduler }) => scheduler.places.length === 0);
    if (idle !== undefined || models.length === 0) throw noMachine(idle?.id ?? 'anything');
    return context.json({ status: 'ready' });
  });
  app.get('/metrics', async (context) => {
    const { text, type } = await service.metrics.page();
    return context.body(text, 200, { 'content-type': type });
  });
  app.get('/props', (context) => context.json(properties(service)));
  app.get('/slots', (context) => context.json(service.models.map(slots)));
  app.get('/openapi.json', (context) => context.json(openApiDocument()));
}

/** What holds where a request says nothing, and bounds. */
function properties({ models, limits }: Service): object {
  const { bodyBytes, tokens, promptTokens, queue, perOwner, ownerScores, tokenMs } = limits();
  const { temperature, topK, topP } = USUAL_SAMPLING;
  return {
    version: VERSION,
    models: models.map(({ id, fingerprint }) => ({ id, image_sha256: fingerprint })),
    defaults: { max_tokens: USUAL_MAX_TOKENS, temperature, top_k: topK, top_p: topP, seed: 'random', n: 1 },
    limits: {
      body_bytes: bodyBytes,
      max_tokens: tokens,
      prompt_tokens: promptTokens,
      queue,
      per_key: perOwner,
      log_probabilities_per_key: ownerScores,
      token_seconds: tokenMs / 1000,
    },
  };
}

function slots({ id, scheduler }: Service['models'][number]): object {
  return {
    model: id,
    waiting: scheduler.waiting,
    machines: scheduler.places.map(machine),
    distrusted: [...scheduler.distrusted],
  };
}

function machine({ machine: { facts }, seats, runs }: Place): object {
  return {
    name: facts.name,
    kind: facts.kind,
    seats,
    running: Array.from(runs, ({ job: { work, given } }) => ({
      key: work.owner,
      priority: work.priority,
      prompt_tokens: work.prompt.length,
      tokens: given.length,
      max_tokens: work.maxTokens,
    })),
  };
}
