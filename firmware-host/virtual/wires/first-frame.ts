/**
 * What a network port hears first: the SYN of a host, or nothing that is for a board. On a serial line what comes
 * before the first frame is noise; on the network it is another protocol, such as the head of an HTTP request, whose
 * body somebody else may have chosen. docs/PROTOCOL.md, section 2.
 */

import { cobsDecode } from '../../../protocol/wire/cobs.js';
import { decodeFrame } from '../../../protocol/wire/frame.js';
import { synNonce } from '../../../protocol/wire/opening.js';

/** A SYN has 22 bytes and one of stuffing; zeros may come in front of it. */
const MAX_SYN_BYTES = 23;
const MAX_ZEROS = 16;

/** Whether a connection begins with the SYN of a host; undefined as long as it may still become one. */
export function beginsWithSyn(bytes: Uint8Array): boolean | undefined {
  const start = bytes.findIndex((byte) => byte !== 0);
  if (start < 0 ? bytes.length > MAX_ZEROS : start > MAX_ZEROS) return false;
  if (start < 0) return undefined;
  const end = bytes.indexOf(0, start);
  if ((end < 0 ? bytes.length : end) - start > MAX_SYN_BYTES) return false;
  if (end < 0) return undefined;
  // A copy, which is decoded in place; `slice` of a Buffer is none.
  const stuffed = Uint8Array.from(bytes.subarray(start, end));
  const length = cobsDecode(stuffed, stuffed);
  const frame = length === undefined ? 'cobs' : decodeFrame(stuffed.subarray(0, length));
  return typeof frame !== 'string' && frame.kind === 'syn' && synNonce(frame.payload) !== undefined;
}
