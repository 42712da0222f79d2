/** A file that should have keys of the service, and has something else. */
import { UsageError } from '../../usage-error.js';

/** @param cause a RangeError of its reader; anything else is given back */
export function notKeys(path: string, cause: unknown): unknown {
  if (!(cause instanceof RangeError)) return cause;
  return new UsageError('bad-value', `${path} is no file of keys: ${cause.message}`, {
    reason: 'Each line is a name, the SHA-256 of a key in hexadecimal, and `admin` where it may administrate.',
    fix: 'Make lines with `mmfree key --service NAME -o FILE`.',
    facts: { name: '--keys', file: path },
    cause,
  });
}
