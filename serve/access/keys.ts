/**
 * Keys of the service: a file with a line for each, `NAME SHA-256`, and `admin` behind it for one that may
 * administrate. Who reads the file cannot use the service: of a key there is only the hash.
 */
import { createHash, randomBytes } from 'node:crypto';

export interface Key {
  /** For logs, and to share places fairly. */
  readonly name: string;
  readonly isAdmin: boolean;
}

/** By SHA-256 of the key, in hexadecimal. */
export type Keys = ReadonlyMap<string, Key>;

const LINE = /^(\S{1,64})\s+([0-9a-f]{64})(?:\s+(admin))?$/;

/**
 * Empty lines, and those that begin with `#`, are none.
 *
 * @throws RangeError naming the line that is not as it should be
 */
export function parseKeys(text: string): Keys {
  const keys = new Map<string, Key>();
  for (const [index, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const [, name, hash, admin] = LINE.exec(trimmed) ?? [];
    // The line is not shown: somebody may have written a key into it.
    if (name === undefined || hash === undefined) throw new RangeError(`line ${index + 1} is not NAME SHA-256`);
    keys.set(hash, { name, isAdmin: admin !== undefined });
  }
  return keys;
}

/** A new key, and its line in the file. @param name without spaces */
export function newKey(name: string, isAdmin: boolean): { readonly key: string; readonly line: string } {
  const key = `mmfree-${randomBytes(32).toString('base64url')}`;
  return { key, line: `${name} ${hashOf(key)}${isAdmin ? ' admin' : ''}` };
}

/** Whose key a header `Authorization: Bearer KEY` has. Comparing hashes tells nobody how much of a key was right. */
export function keyOf(keys: Keys, authorization: string | undefined): Key | undefined {
  const [, key] = /^Bearer (\S{1,256})$/i.exec(authorization ?? '') ?? [];
  return key === undefined ? undefined : keys.get(hashOf(key));
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
