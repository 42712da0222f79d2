/** Whether an answer of the service is what its OpenAPI document says of it. */
import { failure } from '../../serve/answer-schemas.js';
import { PATHS } from '../../serve/openapi.js';
import type { ZodType } from '../../serve/packages/schema.js';

/** @returns what is wrong with it, in words; undefined if nothing is */
export function problemOf(
  route: string,
  method: string,
  { status, headers }: Response,
  text: string,
): string | undefined {
  const { answer, event, type, creates } = PATHS[route]![method]!;
  const of = (schema: ZodType | undefined, json: string): string[] => {
    const result = schema?.safeParse(JSON.parse(json));
    return result === undefined || result.success ? [] : [`${method} ${route}, ${status}: ${result.error.message}`];
  };
  if (status >= 400) return of(failure, text)[0];
  if (status !== 200 && !(status === 201 && creates === true)) return `${method} ${route} has no status ${status}`;
  const given = headers.get('content-type') ?? '';
  if (given.startsWith('text/event-stream') && event !== undefined) {
    const events = text.split('\n\n').filter((data) => data.startsWith('data: {'));
    return events.flatMap((data) => of(data.startsWith('data: {"error":') ? failure : event, data.slice(6)))[0];
  }
  if (answer !== undefined && given.startsWith('application/json')) return of(answer, text)[0];
  return type === '*/*' || (type !== undefined && given.startsWith(type))
    ? undefined
    : `${method} ${route} is ${given}`;
}
