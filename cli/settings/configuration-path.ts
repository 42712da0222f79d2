/** Where the file of settings is: https://specifications.freedesktop.org/basedir-spec/latest/. */

import { statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/**
 * Undefined for a user without a home, as in a container with a user of its own.
 *
 * @param home of the operating system
 */
export function configurationPath(
  env: Readonly<Record<string, string | undefined>>,
  home: () => string | undefined,
): string | undefined {
  const given = env['XDG_CONFIG_HOME'] ?? '';
  const own = env['HOME'] || home();
  // The specification ignores relative paths.
  const folder = isAbsolute(given) ? given : own === undefined ? undefined : join(own, '.config');
  return folder === undefined ? undefined : join(folder, 'mmfree', 'config.json');
}

/** Whether there is one. A home that may not be looked into, such as root's for others, has none. */
export function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
