/** The hash of this program's table of messages, which a board's must equal. docs/PROTOCOL.md, section 4. */

import { createHash } from 'node:crypto';
import { schemaHash } from '../protocol/wire/messages.js';

export const SCHEMA = schemaHash((bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()));
