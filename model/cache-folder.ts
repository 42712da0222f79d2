/**
 * Where this program keeps what it can make again. Node only.
 *
 * https://specifications.freedesktop.org/basedir-spec/latest/: `$XDG_CACHE_HOME`, or `~/.cache`.
 */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** @param env of the process */
export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['XDG_CACHE_HOME'] ?? '';
  // The specification ignores relative paths.
  const folder = isAbsolute(given) ? given : join(env['HOME'] ?? homedir(), '.cache');
  return join(folder, 'mmfree');
}
