/** The group `restart.1`: a board starts again as after a power cut. docs/PROTOCOL.md, section 8. */

import { fixedMessage } from '../message.js';
import type { MessageGroup } from '../message-group.js';

/** Starts the board again, a moment after the answer. Answer: `DONE`. */
export const RESTART = fixedMessage(0x44, 'RESTART', {});

export const RESTART_GROUP: MessageGroup = { name: 'restart.1', messages: [RESTART] };
