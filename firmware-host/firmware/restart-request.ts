/**
 * What a board does with the request of `restart.1`: docs/PROTOCOL.md, section 8. For boards whose owner can restart
 * them.
 */

import { DONE } from '../../protocol/wire/messages-run.js';
import { RESTART, RESTART_GROUP } from '../../protocol/wire/groups/messages-restart.js';
import { handler, reply } from './request.js';
import type { HandlerGroup } from './request.js';

/** @param restart is called before the answer is on the line, which must get there */
export function restartRequest(restart: () => void): HandlerGroup {
  const onRequest = (): ReturnType<typeof reply> => {
    restart();
    return reply(DONE, { request: RESTART.type });
  };
  return { group: RESTART_GROUP, handlers: [handler(RESTART, onRequest)] };
}
