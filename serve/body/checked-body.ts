/** From the bytes of a body to what it asks for: JSON, by its schema, with nothing in it that is not computed here. */
import { invalidJson, invalidValue, tooManyTokens } from '../api-error.js';
import { REQUESTS, type RequestBody, type RequestName } from '../schemas.js';
import { expectSupported } from './unsupported.js';

/**
 * @param mostItems of each list: nothing has more tokens than a prompt may have, or more messages, as each of them is a
 * token at least
 * @throws ApiError `invalid_json`, `invalid_value`, `unsupported_parameter`, `too_many_tokens`
 */
export function checkedBody<Name extends RequestName>(
  name: Name,
  bytes: Uint8Array,
  mostItems: number,
): RequestBody<Name> {
  const value = parsed(bytes);
  for (const [param, field] of Object.entries(value)) expectFewItems(param, field, mostItems);
  const result = REQUESTS[name].safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw invalidValue(issue?.path.join('.') || 'body', issue?.message ?? 'it is not what it should be');
  }
  expectSupported(value);
  return result.data as RequestBody<Name>;
}

function parsed(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidJson(error);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalidJson('it is something else');
}

/** Of a list, or of a list of lists. */
function expectFewItems(param: string, field: unknown, most: number): void {
  if (!Array.isArray(field)) return;
  if (field.length > most) throw tooManyTokens(param, `there are ${field.length}`, most);
  for (const item of field as readonly unknown[]) {
    if (Array.isArray(item) && item.length > most) throw tooManyTokens(param, `there are ${item.length}`, most);
  }
}
