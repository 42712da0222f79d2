/** Files of text that are named on the command line. */
import { readAny } from '../../model/files/input-file.js';
import { badValue } from '../usage-error.js';
import { MAX_TEXT_BYTES } from './input-limits.js';

/**
 * All of it, with a byte order mark if it has one.
 *
 * @param name of the option or argument @param example of a value for it
 * @throws UsageError if it is not UTF-8: what came of it would be that of replacement characters; FileError; AbortError
 */
export async function readText(path: string, name: string, example: string, signal: AbortSignal): Promise<string> {
  const bytes = await readAny(path, { limitBytes: MAX_TEXT_BYTES, signal });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw badValue(name, path, 'a file of UTF-8 text', example);
  }
}
