/**
 * All groups of messages beyond the base table. Adding one: a table here, handlers in the board, requests in the host.
 */

import { AUTH_GROUP } from './messages-auth.js';
import type { MessageGroup } from '../message-group.js';
import { RESTART_GROUP } from './messages-restart.js';
import { STATE_GROUP } from './messages-state.js';

/** By name. */
export const GROUPS: readonly MessageGroup[] = [AUTH_GROUP, RESTART_GROUP, STATE_GROUP];
