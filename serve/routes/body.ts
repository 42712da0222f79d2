/** The body of a request, bounded. */
import { ApiError, bodyTooLarge, clientLeft } from '../api-error.js';
import type { GuardedEnv } from '../access/guards.js';
import type { Context } from '../packages/http.js';
import type { RequestBody, RequestName } from '../schemas.js';
import type { Service } from '../service.js';

/**
 * @param ifEmpty what a body without a byte means; refused unless given
 * @throws ApiError `body_too_large`, `key_busy`, `client_left`; what `checkedBody` throws
 */
export async function bodyOf<Name extends RequestName>(
  context: Context<GuardedEnv>,
  name: Name,
  { bodies, limits }: Pick<Service, 'bodies' | 'limits'>,
  ifEmpty = '',
): Promise<RequestBody<Name>> {
  const { bodyBytes, promptTokens } = limits();
  const bytes = await bytesOf(context, bodyBytes);
  const given = bytes.length === 0 ? new TextEncoder().encode(ifEmpty) : bytes;
  return await bodies.check(name, given, promptTokens, context.get('owner'));
}

/** @throws ApiError `body_too_large`, `key_busy`, `client_left` */
export async function bytesOf(context: Context<GuardedEnv>, limitBytes: number): Promise<Uint8Array<ArrayBuffer>> {
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
