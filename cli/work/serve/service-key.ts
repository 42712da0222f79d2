/** `mmfree key --service`: a key of the service, which is shown once, and its line in the file of keys. */
import { closeSync, constants, fchmodSync, fsyncSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { newKey, parseKeys } from '../../../serve/access/keys.js';
import type { CommandContext } from '../../command.js';
import { badValue } from '../../usage-error.js';
import { notKeys } from './not-keys.js';

/**
 * @throws UsageError for a name that is taken, or none, and for a file of something else; the operating system's error
 */
export function serviceKey(path: string, name: string, isAdmin: boolean, { output }: CommandContext): void {
  if (!/^[\x21-\x7e]{1,64}$/.test(name) || name.startsWith('#')) {
    throw badValue('--service', name, '1 to 64 printable ASCII characters without spaces', 'laptop');
  }
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600);
  try {
    const text = readFileSync(descriptor, 'utf8');
    if ([...keysIn(path, text)].includes(name))
      throw badValue('--service', name, 'a name that no key has yet', `${name}-2`);
    const { key, line } = newKey(name, isAdmin);
    if (text === '') fchmodSync(descriptor, 0o600);
    writeFileSync(descriptor, `${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`);
    fsyncSync(descriptor);
    output.print(`${key}\n`);
    output.note(
      `that is the key of ${name}, which is nowhere else: ${path} has its hash; SIGHUP lets a service read it`,
    );
    output.result({ file: path, name, key, admin: isAdmin });
  } finally {
    closeSync(descriptor);
  }
}

function keysIn(path: string, text: string): string[] {
  try {
    return Array.from(parseKeys(text).values(), ({ name }) => name);
  } catch (error) {
    throw notKeys(path, error);
  }
}
