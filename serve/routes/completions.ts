/** POST /v1/completions and /v1/chat/completions. */
import { isEnd } from '../../protocol/image/end-tokens.js';
import { chatFormat, chatPrompt } from '../answers/chat.js';
import { completionFormat, promptsOf } from '../answers/completions.js';
import type { Prompt } from '../answers/answer-text.js';
import { eventStream } from '../answers/event-stream.js';
import { jsonBody } from '../answers/json-body.js';
import { Exchange, type Caller, type ExchangeRequest, type Format } from '../answers/exchange.js';
import { readPrompts } from '../answers/prompts.js';
import { generationSettings } from '../answers/settings.js';
import {
  apiErrorOf,
  conversationOfOtherModel,
  invalidValue,
  noTokenizer,
  tooManyTokens,
  unsupported,
} from '../api-error.js';
import type { Turn } from '../conversations/turn.js';
import type { ServedModel } from '../models/served-model.js';
import { chatStops } from '../text/chat-template.js';
import type { Reading } from '../text/texts.js';
import type { GuardedEnv } from '../access/guards.js';
import type { Room } from '../access/room.js';
import type { Context } from '../packages/http.js';
import type { CompletionRequest } from '../schemas.js';
import { conversationsOf, modelOf, type App, type Service } from '../service.js';
import { bodyOf } from './body.js';
import { readingOf } from './reading.js';

export function completionRoutes(app: App, service: Service, scoreRoom: Room): void {
  app.post('/v1/completions', async (context) => {
    const limits = service.limits();
    const body = await bodyOf(context, 'completion', service);
    return await inTurn(service, body, async (model, turn) => {
      const top = body.logprobs ?? undefined;
      const settings = generationSettings(body, limits.tokens, turn?.saved.sampler);
      needTokenizer(model, body);
      const reading = readingOf(context, limits);
      const prompts = await promptsOf(model, body.prompt, reading, beforeOf(turn));
      const request = { prompts, settings, echo: body.echo ?? false, top, turn, reading, scoreRoom };
      return await answer(service, context, body, model, completionFormat(model, top !== undefined), request);
    });
  });
}

export function chatRoutes(app: App, service: Service, scoreRoom: Room): void {
  app.post('/v1/chat/completions', async (context) => {
    const limits = service.limits();
    const body = await bodyOf(context, 'chat', service);
    if (body.logprobs !== true && (body.top_logprobs ?? 0) > 0) throw invalidValue('top_logprobs', 'it needs logprobs');
    const top = body.logprobs === true ? (body.top_logprobs ?? 0) : undefined;
    const asked = { ...body, max_tokens: body.max_completion_tokens ?? body.max_tokens };
    return await inTurn(service, body, async (model, turn) => {
      const { stops, ...settings } = generationSettings(asked, limits.tokens, turn?.saved.sampler);
      const reading = readingOf(context, limits);
      const request = {
        prompts: [await chatPrompt(model, body.messages, reading, beforeOf(turn))],
        settings: { ...settings, stops: [...stops, ...chatStops(model.chat)] },
        echo: false,
        top,
        turn,
        reading,
        scoreRoom,
      };
      return await answer(service, context, body, model, chatFormat(model, top !== undefined), request);
    });
  });
}

/** In the conversation that is named, if one is; whoever answers ends the turn, unless it throws. @throws ApiError */
async function inTurn(
  service: Service,
  { model: name, conversation }: Pick<CompletionRequest, 'model' | 'conversation'>,
  work: (model: ServedModel, turn: Turn | undefined) => Promise<Response>,
): Promise<Response> {
  const isNamed = name !== undefined && name !== null;
  const asked = modelOf(service, name);
  if (conversation === undefined || conversation === null) return await work(asked, undefined);
  const turn = await conversationsOf(service).begin(conversation);
  try {
    if (isNamed && asked !== turn.model) throw conversationOfOtherModel(turn.id, turn.model.fingerprint);
    return await work(turn.model, turn);
  } catch (error) {
    turn.end();
    throw error;
  }
}

/** As it is asked, before its prompts are read. */
type AskedExchange = Omit<ExchangeRequest, 'prompts'> & {
  readonly prompts: readonly Prompt[];
  readonly reading: Required<Reading>;
  readonly scoreRoom: Room;
};

/** More than a stop string of the service has. */
const LAST_IDS = 16;

function beforeOf(turn: Turn | undefined): Prompt['before'] {
  if (turn?.goesOn !== true) return undefined;
  const { held, tokens, state } = turn.saved;
  return {
    held,
    lastIds: [...(tokens?.slice(-LAST_IDS) ?? []), ...(state.chosen === undefined ? [] : [state.chosen])],
  };
}

/** @throws ApiError `unsupported_parameter`, `invalid_value` */
function expectOneAnswer(turn: Turn, { prompts, settings, top }: AskedExchange): void {
  if (top !== undefined) throw unsupported('logprobs', 'A conversation is computed without them.');
  if (prompts.length !== 1 || settings.choices !== 1)
    throw unsupported('n', 'A conversation has one answer at a time.');
  const { chosen } = turn.saved.state;
  if (prompts[0]?.ids.length !== 0 || (chosen !== undefined && !isEnd(turn.model.shape, chosen))) return;
  throw invalidValue('prompt', 'the text of this conversation has ended; say something to go on behind it');
}

function needTokenizer(model: ServedModel, { stop }: Pick<CompletionRequest, 'stop'>): void {
  const isWanted = stop !== undefined && stop !== null;
  if (isWanted && model.tokenizer === undefined) throw noTokenizer(model.id, 'there is no text to stop at', 'stop');
}

async function answer(
  service: Service,
  context: Context<GuardedEnv>,
  { stream, stream_options: options }: Pick<CompletionRequest, 'stream' | 'stream_options'>,
  model: ServedModel,
  format: Format,
  asked: AskedExchange,
): Promise<Response> {
  // Jobs that nobody waits for any more end.
  const left = new AbortController();
  const caller: Caller = {
    owner: context.get('owner'),
    observer: service.metrics.observer,
    priority: priorityOf(context),
    signal: AbortSignal.any([context.req.raw.signal, left.signal]),
  };
  const { turn, settings, reading } = asked;
  if (turn !== undefined) expectOneAnswer(turn, asked);
  const position = turn?.saved.state.position ?? 0;
  const prompts = await readPrompts(model, asked.prompts, { settings, position }, reading);
  const request: ExchangeRequest = { ...asked, prompts };
  const giveBack = takeScores(request, asked.scoreRoom, caller.owner, service.limits().ownerScores);
  /** When the last of the answer is on its way, or nobody wants it. */
  const end = (): void => {
    giveBack();
    left.abort();
    turn?.end();
  };
  try {
    const exchange = new Exchange(model, format, request, caller);
    service.metrics.onPrompt(model.id, exchange.promptTokens);
    if (stream !== true) {
      const body = await jsonBody(await exchange.answer(), end);
      return context.body(body, 200, { 'content-type': 'application/json' });
    }
    const chunks = exchange.chunks(options?.include_usage ?? false);
    const body = eventStream(chunks, (error) => {
      end();
      if (error !== undefined && apiErrorOf(error).isOurs) service.log.onFailure(error);
    });
    return context.body(body, 200, STREAM_HEADERS);
  } catch (error) {
    end();
    throw error;
  }
}

const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
};

/**
 * Room for the log-probabilities of an answer.
 *
 * @returns gives it back
 * @throws ApiError `too_many_tokens`, `key_busy`
 */
function takeScores(
  { prompts, settings: { choices, maxTokens }, echo, top }: ExchangeRequest,
  room: Room,
  owner: string,
  limit: number,
): () => void {
  if (top === undefined) return () => {};
  const tokens = prompts.reduce((sum, { ids }) => sum + (echo ? ids.length : 0) + maxTokens, 0) * choices;
  // The likeliest ones, and that of the token that came.
  const count = tokens * (top + 1);
  if (count > limit) throw tooManyTokens('logprobs', `${count} log-probabilities are asked for`, limit);
  return room.take(owner, count, limit, 'log-probabilities');
}

const PRIORITY_HEADER = 'x-mmfree-priority';
const MAX_PRIORITY = 100;

/** @throws ApiError `invalid_value` */
function priorityOf(context: Context<GuardedEnv>): number {
  const text = context.req.header(PRIORITY_HEADER) ?? '0';
  const priority = /^-?\d{1,3}$/.test(text) ? Number(text) : NaN;
  if (Math.abs(priority) <= MAX_PRIORITY) return priority;
  throw invalidValue(PRIORITY_HEADER, `it is a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}`);
}
