/**
 * Where this program keeps what it can make again. Node only.
 *
 * https://specifications.freedesktop.org/basedir-spec/latest/: `$XDG_CACHE_HOME`, or `~/.cache`.
 */
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** @param env of the process */
export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['XDG_CACHE_HOME'] ?? '';
  // The specification ignores relative paths.
  const folder = isAbsolute(given) ? given : join(env['HOME'] ?? homeOrTemporary(), '.cache');
  return join(folder, 'mmfree');
}

/** In a container any number may be the user, who then has neither a name nor a home. */
function homeOrTemporary(): string {
  try {
    return homedir();
  } catch {
    return join(tmpdir(), `mmfree-user-${process.getuid?.() ?? ''}`);
  }
}
