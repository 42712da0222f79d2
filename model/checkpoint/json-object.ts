/** Small JSON files of a checkpoint. */

/**
 * The object in `bytes`, for files of at most a megabyte: `JSON.parse` takes 80 ms and no stack for the worst of those.
 * Of equal keys the last one counts, as in Python.
 *
 * @throws SyntaxError or TypeError when `bytes` is not UTF-8, not JSON or not an object
 */
export function parseJsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  if (!isJsonObject(value)) throw new TypeError('It holds another kind of JSON value than an object.');
  return value;
}

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
