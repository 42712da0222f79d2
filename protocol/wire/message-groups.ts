/** All groups of messages beyond the base table. Adding one: a table here, handlers in the board, requests in the host. */

import type { MessageGroup } from './message-group.js';
import { STATE_GROUP } from './messages-state.js';

/** By name. */
export const GROUPS: readonly MessageGroup[] = [STATE_GROUP];
