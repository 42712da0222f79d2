/** `mmfree key`: the work. */
import { randomBytes } from 'node:crypto';
import { closeSync, fchmodSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { KEY_BYTES } from '../../protocol/wire/groups/messages-auth.js';
import type { CommandContext } from '../command.js';
import { UsageError } from '../usage-error.js';

interface KeyInput {
  readonly output: string;
  readonly service: string | undefined;
  readonly admin: boolean;
}

/** @throws UsageError; the operating system's error */
export async function key({ output: path, service, admin }: KeyInput, context: CommandContext): Promise<void> {
  if (service !== undefined) {
    const { serviceKey } = await import('./serve/service-key.js');
    return serviceKey(path, service, admin, context);
  }
  if (admin) throw adminOfBoard();
  boardKey(path, context);
}

/** A file that is there stays: it may be the key of a board. @throws the operating system's error */
function boardKey(path: string, { output }: CommandContext): void {
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    // Whatever the umask takes away.
    fchmodSync(descriptor, 0o600);
    writeFileSync(descriptor, randomBytes(KEY_BYTES));
    fsyncSync(descriptor);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  output.print(`${path} has a new key: copy it to who may use the board, and give it as --key-file on both sides\n`);
  output.result({ file: path, bytes: KEY_BYTES });
}

function adminOfBoard(): UsageError {
  return new UsageError('conflicting-options', '--admin needs --service', {
    reason: 'Who has the key of a board has the board; only keys of the service are of two kinds.',
    fix: 'Add --service NAME, or leave --admin out.',
  });
}
