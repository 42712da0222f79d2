/**
 * Room for bodies: how many bytes of them each owner may have under way. The scheduler counts texts, but only when they
 * are read and have become tokens; until then one key could fill the memory with bodies that wait for the tokenizer.
 */
import type { MiddlewareHandler } from '../packages/http.js';
import type { GuardedEnv } from './guards.js';
import { Room } from './room.js';

/** Behind the guards. @param limitBytes for each owner */
export function bodyRoom(limitBytes: () => number): MiddlewareHandler<GuardedEnv> {
  const room = new Room();
  return async (context, next) => {
    const owner = context.get('owner');
    const taken: (() => void)[] = [];
    context.set('takeRoom', (bytes) => void taken.push(room.take(owner, bytes, limitBytes(), 'bytes of bodies')));
    try {
      await next();
    } finally {
      for (const giveBack of taken) giveBack();
    }
  };
}
