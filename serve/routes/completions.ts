/** POST /v1/completions and /v1/chat/completions. */
import { chatFormat, chatPrompt, chatStops } from '../answers/chat.js';
import { completionFormat, promptsOf } from '../answers/completions.js';
import { eventStream } from '../answers/event-stream.js';
import { Exchange, type Caller, type ExchangeRequest, type Format } from '../answers/exchange.js';
import { generationSettings } from '../answers/settings.js';
import { apiErrorOf, invalidValue, noTokenizer } from '../api-error.js';
import type { ServedModel } from '../models/served-model.js';
import type { Context, Hono } from '../packages/http.js';
import { chatRequest, completionRequest, type CompletionRequest } from '../schemas.js';
import { modelOf, type Service } from '../service.js';
import { bodyOf } from './body.js';

export function completionRoutes(app: Hono, service: Service): void {
  app.post('/v1/completions', async (context) => {
    const limits = service.limits();
    const body = await bodyOf(context, completionRequest, limits.bodyBytes);
    const model = modelOf(service, body.model);
    const top = body.logprobs ?? undefined;
    const settings = generationSettings(body, limits.tokens);
    needTokenizer(model, body);
    const prompts = await promptsOf(model, body.prompt);
    const request = { prompts, settings, echo: body.echo ?? false, top, mostPromptTokens: limits.promptTokens };
    return await answer(service, context, body, model, completionFormat(model, top !== undefined), request);
  });
}

export function chatRoutes(app: Hono, service: Service): void {
  app.post('/v1/chat/completions', async (context) => {
    const limits = service.limits();
    const body = await bodyOf(context, chatRequest, limits.bodyBytes);
    const model = modelOf(service, body.model);
    if (body.logprobs !== true && (body.top_logprobs ?? 0) > 0) throw invalidValue('top_logprobs', 'it needs logprobs');
    const top = body.logprobs === true ? (body.top_logprobs ?? 0) : undefined;
    const asked = { ...body, max_tokens: body.max_completion_tokens ?? body.max_tokens };
    const { stops, ...settings } = generationSettings(asked, limits.tokens);
    const request = {
      prompts: [await chatPrompt(model, body.messages)],
      settings: { ...settings, stops: [...stops, ...chatStops(model)] },
      echo: false,
      top,
      mostPromptTokens: limits.promptTokens,
    };
    return await answer(service, context, body, model, chatFormat(model, top !== undefined), request);
  });
}

function needTokenizer(model: ServedModel, { stop }: Pick<CompletionRequest, 'stop'>): void {
  const isWanted = stop !== undefined && stop !== null;
  if (isWanted && model.tokenizer === undefined) throw noTokenizer(model.id, 'there is no text to stop at', 'stop');
}

async function answer(
  service: Service,
  context: Context,
  { stream, stream_options: options }: Pick<CompletionRequest, 'stream' | 'stream_options'>,
  model: ServedModel,
  format: Format,
  request: ExchangeRequest,
): Promise<Response> {
  // Jobs that nobody waits for any more end.
  const left = new AbortController();
  const caller: Caller = {
    owner: '',
    priority: priorityOf(context),
    signal: AbortSignal.any([context.req.raw.signal, left.signal]),
  };
  const exchange = new Exchange(model, format, request, caller);
  if (stream === true) {
    const chunks = exchange.chunks(options?.include_usage ?? false);
    const body = eventStream(chunks, (error) => {
      left.abort();
      if (error !== undefined && apiErrorOf(error).status === 500) service.onFailure(error);
    });
    const headers = {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    };
    return new Response(body, { headers });
  }
  try {
    return context.json(await exchange.answer());
  } finally {
    left.abort();
  }
}

const PRIORITY_HEADER = 'x-mmfree-priority';
const MAX_PRIORITY = 100;

/** @throws ApiError `invalid_value` */
function priorityOf(context: Context): number {
  const text = context.req.header(PRIORITY_HEADER) ?? '0';
  const priority = /^-?\d{1,3}$/.test(text) ? Number(text) : NaN;
  if (Math.abs(priority) <= MAX_PRIORITY) return priority;
  throw invalidValue(PRIORITY_HEADER, `it is a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}`);
}
