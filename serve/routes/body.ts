/** The body of a request: JSON, bounded, checked against its schema. */
import { ApiError, bodyTooLarge, clientLeft, invalidJson, invalidValue, unsupported } from '../api-error.js';
import type { GuardedEnv } from '../access/guards.js';
import type { Context } from '../packages/http.js';
import type { ZodType } from '../packages/schema.js';

/**
 * @param ifEmpty what a body without a byte means; refused unless given
 * @throws ApiError `body_too_large`, `invalid_json`, `invalid_value`, `unsupported_parameter`
 */
export async function bodyOf<T>(
  context: Context<GuardedEnv>,
  schema: ZodType<T>,
  limitBytes: number,
  ifEmpty = '',
): Promise<T> {
  const bytes = await bytesOf(context, limitBytes);
  const value = parsed(bytes.length === 0 ? ifEmpty : Buffer.from(bytes).toString());
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw invalidValue(issue?.path.join('.') || 'body', issue?.message ?? 'it is not what it should be');
  }
  for (const [name, { why, isNeutral }] of Object.entries(UNSUPPORTED)) {
    const asked = (value as Record<string, unknown>)[name];
    if (asked !== undefined && asked !== null && !isNeutral(asked)) throw unsupported(name, why);
  }
  return result.data;
}

function parsed(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalidJson(error);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw invalidJson('it is something else');
}

/** @throws ApiError `body_too_large`, `key_busy`, `client_left` */
export async function bytesOf(context: Context<GuardedEnv>, limitBytes: number): Promise<Uint8Array> {
  const request = context.req.raw;
  if (Number(request.headers.get('content-length') ?? 0) > limitBytes) throw bodyTooLarge(limitBytes);
  if (request.body === null) return new Uint8Array(0);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of request.body as ReadableStream<Uint8Array> & AsyncIterable<Uint8Array>) {
      bytes += part.length;
      if (bytes > limitBytes) throw bodyTooLarge(limitBytes);
      context.get('takeRoom')(part.length);
      parts.push(part);
    }
  } catch (error) {
    // Whatever ends a body before its end, the connection is gone.
    throw error instanceof ApiError ? error : clientLeft();
  }
  return Buffer.concat(parts);
}

interface Unsupported {
  /** A sentence. */
  readonly why: string;
  /** Whether a value asks for nothing, as libraries send it that send everything. */
  readonly isNeutral: (value: unknown) => boolean;
}

const isEmpty = (value: unknown): boolean =>
  value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
const is =
  (...neutral: readonly unknown[]) =>
  (value: unknown): boolean =>
    neutral.includes(value);

const EXACT = 'The sampler is the one of docs/ARITHMETIC.md, the same on every machine.';
const NO_TOOLS = 'These models call no tools.';

/** What would change an answer, and is not computed here: refused, never ignored. */
const UNSUPPORTED: Readonly<Record<string, Unsupported>> = {
  frequency_penalty: { why: EXACT, isNeutral: is(0) },
  presence_penalty: { why: EXACT, isNeutral: is(0) },
  repetition_penalty: { why: EXACT, isNeutral: is(1) },
  min_p: { why: EXACT, isNeutral: is(0) },
  logit_bias: { why: EXACT, isNeutral: isEmpty },
  best_of: { why: 'Every choice is sent; ask for n of them.', isNeutral: is(1) },
  suffix: { why: 'These models only go on.', isNeutral: isEmpty },
  tools: { why: NO_TOOLS, isNeutral: isEmpty },
  tool_choice: { why: NO_TOOLS, isNeutral: is('none', 'auto') },
  functions: { why: NO_TOOLS, isNeutral: isEmpty },
  function_call: { why: NO_TOOLS, isNeutral: is('none', 'auto') },
  response_format: {
    why: 'Answers are text.',
    isNeutral: (value) => (value as { readonly type?: unknown }).type === 'text',
  },
};
