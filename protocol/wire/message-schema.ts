/** The hash of this program's table of messages, which a board's must equal. docs/PROTOCOL.md, section 4. */

import { sha256 } from '../sha256.js';
import { schemaHash } from './messages.js';

export const SCHEMA = schemaHash(sha256);
