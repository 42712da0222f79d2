/**
 * What a request is refused with, or ends with, in OpenAI's shape: `{"error": {message, type, param, code}}`. All texts
 * of the service.
 */
import { counted } from '../protocol/counted.js';
import type { StateError } from '../protocol/state/state-error.js';
import { TextProblem } from './text/text-problem.js';

/** Stable, for programs. */
export type ApiErrorCode =
  | 'invalid_json'
  | 'invalid_value'
  | 'unsupported_parameter'
  | 'model_not_found'
  | 'not_found'
  | 'no_tokenizer'
  | 'no_logits'
  | 'text_failed'
  | 'too_many_tokens'
  | 'body_too_large'
  | 'wrong_content_type'
  | 'wrong_host'
  | 'wrong_origin'
  | 'invalid_api_key'
  | 'queue_full'
  | 'key_busy'
  | 'no_machine'
  | 'machine_failed'
  | 'machine_differs'
  | 'shutting_down'
  | 'no_states'
  | 'no_verifier'
  | 'no_state_folder'
  | 'conversation_not_found'
  | 'conversation_busy'
  | 'conversation_damaged'
  | 'conversation_other_model'
  | 'conversations_full'
  | 'invalid_state'
  | 'storage_failed'
  | 'invalid_image'
  | 'no_boards'
  | 'roll_out_failed'
  | 'roll_out_busy'
  | 'client_left'
  | 'internal_error';

interface ApiErrorDetails {
  /** The field that is meant. */
  readonly param?: string;
  /** When it is worth asking again, 1 … 60: clients throw longer times away. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** Statuses that clients ask again after. */
type ApiStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 421 | 429 | 500 | 503;

/** An answer that is an error. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: ApiStatus;
  readonly code: ApiErrorCode;
  readonly param: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(status: ApiStatus, code: ApiErrorCode, message: string, details: ApiErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.status = status;
    this.code = code;
    this.param = details.param;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }

  /** As clients of OpenAI's interface expect it, in an answer or as the last event of a stream. */
  get body(): { readonly error: Readonly<Record<'message' | 'type' | 'param' | 'code', string | null>> } {
    return { error: { message: this.message, type: typeOf(this.status), param: this.param ?? null, code: this.code } };
  }

  /** Whether somebody has to look after the service: its log says why, and what clients are not told. */
  get isOurs(): boolean {
    return this.status === 500 || this.code === 'storage_failed';
  }

  get headers(): Record<string, string> {
    return this.retryAfterSeconds === undefined ? {} : { 'retry-after': String(this.retryAfterSeconds) };
  }
}

function typeOf(status: ApiStatus): string {
  if (status >= 500) return 'server_error';
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  return status === 429 ? 'rate_limit_error' : 'invalid_request_error';
}

export function invalidValue(param: string, problem: string): ApiError {
  return new ApiError(400, 'invalid_value', `${param}: ${problem}`, { param });
}

/** @param why a sentence */
export function unsupported(param: string, why: string): ApiError {
  return new ApiError(400, 'unsupported_parameter', `${param} is not supported: ${why}`, { param });
}

export function invalidJson(cause: unknown): ApiError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ApiError(400, 'invalid_json', `the body is not a JSON object (${why})`, { cause });
}

export function modelNotFound(model: string, models: readonly string[]): ApiError {
  const message = `there is no model ${JSON.stringify(model.slice(0, 100))}; there is ${models.join(', ')}`;
  return new ApiError(404, 'model_not_found', message, { param: 'model' });
}

/** @param hint a sentence; empty if there is none */
export function notFound(method: string, path: string, hint: string): ApiError {
  const message = `there is no ${method} ${JSON.stringify(path.slice(0, 100))} here.${hint === '' ? ' /openapi.json lists what there is.' : ` ${hint}`}`;
  return new ApiError(404, 'not_found', message);
}

/** @param use what text would be needed for */
export function noTokenizer(model: string, use: string, param: string): ApiError {
  const message = `${model} was packed without tokenizer.json, so ${use}; give token ids`;
  return new ApiError(400, 'no_tokenizer', message, { param });
}

export function noLogits(model: string): ApiError {
  const message = `logprobs need a machine that gives logits, and ${model} is computed by boards only`;
  return new ApiError(400, 'no_logits', message, { param: 'logprobs' });
}

export function tooManyTokens(param: string, what: string, limit: number): ApiError {
  return new ApiError(400, 'too_many_tokens', `${what}; this service allows ${limit}`, { param });
}

export function bodyTooLarge(limitBytes: number): ApiError {
  return new ApiError(413, 'body_too_large', `the body has more than ${limitBytes} bytes`);
}

export function wrongContentType(): ApiError {
  return new ApiError(
    415,
    'wrong_content_type',
    'a body has the content type application/json, and a state application/octet-stream',
  );
}

export function wrongHost(): ApiError {
  const message = 'this service does not answer under the host name of this request; its operator can allow it';
  return new ApiError(421, 'wrong_host', message);
}

export function wrongOrigin(): ApiError {
  const message = 'pages of this origin may not use this service; its operator can allow it';
  return new ApiError(403, 'wrong_origin', message);
}

export function invalidKey(): ApiError {
  const message = 'a key of this service is needed: Authorization: Bearer KEY';
  return new ApiError(401, 'invalid_api_key', message);
}

export function queueFull(waiting: number, retryAfterSeconds: number): ApiError {
  const message = `the queue is full: ${counted(waiting, 'text')} in it`;
  return new ApiError(429, 'queue_full', message, { retryAfterSeconds });
}

/** @param what it has as much of as it may */
export function keyBusy(what: string, retryAfterSeconds: number): ApiError {
  return new ApiError(429, 'key_busy', `this key has ${what} under way already`, { retryAfterSeconds });
}

export function noMachine(model: string): ApiError {
  const message = `no machine computes ${model} at the moment`;
  return new ApiError(503, 'no_machine', message, { retryAfterSeconds: 5 });
}

/** @param cause which the log has: it may name files and devices of this computer */
export function machineFailed(cause: unknown): ApiError {
  const message = 'the machine failed, and no other one could go on';
  return new ApiError(503, 'machine_failed', message, { retryAfterSeconds: 5, cause });
}

/** Another machine, which was to go on, computes something else. */
export function machineDiffers(one: string, other: string, index: number): ApiError {
  const message = `${other} computes another receipt for token ${index} than ${one} did`;
  return new ApiError(500, 'machine_differs', message);
}

export function shuttingDown(): ApiError {
  return new ApiError(503, 'shutting_down', 'this service is shutting down', { retryAfterSeconds: 5 });
}

export function noStates(model: string): ApiError {
  const message = `conversations need a machine that saves states, and no machine of ${model} does`;
  return new ApiError(400, 'no_states', message, { param: 'conversation' });
}

export function noVerifier(model: string): ApiError {
  const message = `${model} is verified by this computer's processor, which does not serve it here`;
  return new ApiError(400, 'no_verifier', message, { param: 'model' });
}

export function noStateFolder(): ApiError {
  const message = 'this service keeps no conversations: it was started without a folder for them';
  return new ApiError(400, 'no_state_folder', message, { param: 'conversation' });
}

export function conversationNotFound(id: string): ApiError {
  const message = `there is no conversation ${id}; PUT /v1/conversations/${id} makes one`;
  return new ApiError(404, 'conversation_not_found', message, { param: 'conversation' });
}

export function conversationBusy(id: string): ApiError {
  const message = `an answer of conversation ${id} is under way; ask again behind it`;
  return new ApiError(409, 'conversation_busy', message, { param: 'conversation', retryAfterSeconds: 1 });
}

/** On the disk. */
export function conversationDamaged(id: string, cause: Error): ApiError {
  const message = `the file of conversation ${id} cannot be used: ${cause.message}; delete it, or put a good state in its place`;
  return new ApiError(500, 'conversation_damaged', message, { param: 'conversation', cause });
}

/** @param image SHA-256 in hexadecimal */
export function conversationOfOtherModel(id: string, image: string): ApiError {
  const message = `conversation ${id} is one with another model than is meant here: that of the image ${image}`;
  return new ApiError(400, 'conversation_other_model', message, { param: 'conversation' });
}

/** @param bound what there is already, in words */
export function conversationsFull(bound: string): ApiError {
  const message = `there is no room for more: this service keeps ${bound}; delete conversations that nobody needs`;
  return new ApiError(400, 'conversations_full', message, { param: 'conversation' });
}

export function invalidState({ message, reason }: StateError): ApiError {
  return new ApiError(400, 'invalid_state', `${message}. ${reason}`);
}

/** @param cause which names folders of this computer, as clients need not know them */
export function storageFailed(cause: unknown): ApiError {
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  const message = `the disk of this service failed${code}; its log says more`;
  return new ApiError(503, 'storage_failed', message, { retryAfterSeconds: 5, cause });
}

/** @param cause of the file that is to be rolled out */
export function invalidImage(cause: Error): ApiError {
  return new ApiError(400, 'invalid_image', `this image cannot be rolled out: ${cause.message}`, {
    param: 'image',
    cause,
  });
}

export function noBoards(): ApiError {
  const message = 'no board has the image of this model at the moment';
  return new ApiError(400, 'no_boards', message, { param: 'model' });
}

export function rollOutBusy(): ApiError {
  return new ApiError(409, 'roll_out_busy', 'another image is rolled out at the moment; ask again behind it');
}

/** @param left boards that did not take the image from before again */
export function rollOutFailed(board: string, left: readonly string[], cause: unknown): ApiError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const others = left.length === 0 ? 'all boards have the image from before' : `${left.join(', ')} did not go back`;
  return new ApiError(503, 'roll_out_failed', `${board} does not run this image: ${why}; ${others}`, { cause });
}

/** Whatever was thrown, as an answer. */
export function apiErrorOf(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause;
  return cause instanceof TextProblem ? textFailed(cause) : internalError(cause);
}

function textFailed(cause: TextProblem): ApiError {
  return new ApiError(400, 'text_failed', `this text cannot be used: ${cause.message}`, { cause });
}

/** Nobody hears it; the log and metrics have it. */
export function clientLeft(): ApiError {
  return new ApiError(400, 'client_left', 'the client went before the answer was there');
}

function internalError(cause: unknown): ApiError {
  const message = 'this is a mistake in mmfree, not in your request; the log of the service says more';
  return new ApiError(500, 'internal_error', message, { cause });
}
