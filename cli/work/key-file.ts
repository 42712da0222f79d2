/** Files with the key of a board on a network: 32 random bytes that only their owner reads. docs/guides/network.md */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { openRegular } from '../../model/files/input-file.js';
import { KEY_BYTES } from '../../protocol/wire/groups/messages-auth.js';
import { UsageError } from '../usage-error.js';

/** @throws UsageError; FileError; the operating system's error */
function readKeyFile(path: string): Uint8Array {
  const descriptor = openRegular(path);
  try {
    const { size, mode } = fstatSync(descriptor);
    // Windows has other rights, which Node does not tell.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw readByOthers(path, mode);
    const key = new Uint8Array(KEY_BYTES);
    if (size !== KEY_BYTES || readSync(descriptor, key) !== KEY_BYTES) throw notAKey(path, size);
    return key;
  } finally {
    closeSync(descriptor);
  }
}

/** Undefined without a path. */
export function keyOf(path: string | undefined): Uint8Array | undefined {
  return path === undefined ? undefined : readKeyFile(path);
}

function readByOthers(path: string, mode: number): UsageError {
  return new UsageError('bad-value', `${path} may be read or written by others`, {
    reason: `Its mode is ${(mode & 0o777).toString(8)}: whoever read it has the board.`,
    fix: `Run \`chmod 600 ${path}\`; if somebody else may have read it, make another one (\`mmfree key -o FILE\`).`,
    facts: { name: '--key-file', file: path },
  });
}

function notAKey(path: string, size: number): UsageError {
  return new UsageError('bad-value', `${path} is no key`, {
    reason: `A key has ${KEY_BYTES} bytes, and this file ${size}.`,
    fix: 'Make one with `mmfree key -o FILE`, and copy it to the other computer.',
    facts: { name: '--key-file', file: path },
  });
}
