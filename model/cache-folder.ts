/**
 * Where this program keeps what it can make again, and looks for what the user keeps for it. Node only.
 *
 * https://specifications.freedesktop.org/basedir-spec/latest/: `$XDG_CACHE_HOME`, or `~/.cache`.
 */
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** @param env of the process */
export function cacheFolder(env: Environment): string {
  return ownFolder(env, 'XDG_CACHE_HOME', '.cache');
}

/** Where the user may put weight images, so that `mmfree models` shows them: `$XDG_DATA_HOME`, or `~/.local/share`. */
export function modelsFolder(env: Environment): string {
  return join(ownFolder(env, 'XDG_DATA_HOME', '.local/share'), 'models');
}

function ownFolder(env: Environment, variable: string, otherwise: string): string {
  const given = env[variable] ?? '';
  // The specification ignores relative paths.
  const folder = isAbsolute(given) ? given : join(env['HOME'] ?? homeOrTemporary(), otherwise);
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
