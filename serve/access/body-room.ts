/**
 * Room for bodies: how many bytes of them each owner may have under way. The scheduler counts texts, but only when they
 * are read and have become tokens; until then one key could fill the memory with bodies that wait for the tokenizer.
 */
import { keyBusy } from '../api-error.js';
import type { MiddlewareHandler } from '../packages/http.js';
import type { GuardedEnv } from './guards.js';

/** Behind the guards. @param limitBytes for each owner */
export function bodyRoom(limitBytes: () => number): MiddlewareHandler<GuardedEnv> {
  const taken = new Map<string, number>();
  return async (context, next) => {
    const owner = context.get('owner');
    let own = 0;
    context.set('takeRoom', (bytes) => {
      const all = (taken.get(owner) ?? 0) + bytes;
      if (all > limitBytes()) throw keyBusy(`${limitBytes()} bytes of bodies`, 1);
      own += bytes;
      taken.set(owner, all);
    });
    try {
      await next();
    } finally {
      const rest = (taken.get(owner) ?? 0) - own;
      if (rest > 0) taken.set(owner, rest);
      else taken.delete(owner);
    }
  };
}
