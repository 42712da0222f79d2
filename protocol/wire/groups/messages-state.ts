/**
 * The group `state.1`: the recurrent state of a board, read and written. docs/PROTOCOL.md, section 8; docs/STATE.md.
 */

import { MAX_STATE_WORD } from '../../state/sequence-state.js';
import { restU32, u32 } from '../layout.js';
import type { Field } from '../layout.js';
import { fixedMessage } from '../message.js';
import type { MessageGroup } from '../message-group.js';

/** Most words of one message. */
export const STATE_WORDS = 1000;

/** Words of a state: int32 as u32. None is larger than the arithmetic can make it. */
function words(): Field<Uint32Array> {
  const field = restU32(1, STATE_WORDS);
  return {
    ...field,
    text: `${field.text}/state`,
    accepts: (value) => field.accepts(value) && value.every((word) => Math.abs(word | 0) <= MAX_STATE_WORD),
  };
}

/** Keeps the present state for `STATE_READ`; also during a run, between two tokens. Answer: `STATE_KEPT`. */
export const STATE_KEEP = fixedMessage(0x40, 'STATE_KEEP', {});

export const STATE_KEPT = fixedMessage(0xc0, 'STATE_KEPT', {
  /** Tokens fed since the state was zero. */
  position: u32(),
  /** L · H. */
  words: u32(),
  /** CRC-32 of the words as bytes. */
  crc32: u32(),
});

/** Reads of the state that was kept last. Answer: `STATE_DATA`. */
export const STATE_READ = fixedMessage(0x41, 'STATE_READ', { firstWord: u32(), words: u32() });

export const STATE_DATA = fixedMessage(0xc1, 'STATE_DATA', { firstWord: u32(), words: words() });

/** Brings a part of another state. No answer if all is well. */
export const STATE_WRITE = fixedMessage(0x42, 'STATE_WRITE', { firstWord: u32(), words: words() });

/** Makes what was brought the state. Answer: `DONE`. */
export const STATE_TAKE = fixedMessage(0x43, 'STATE_TAKE', { position: u32(), crc32: u32() });

export const STATE_GROUP: MessageGroup = {
  name: 'state.1',
  messages: [STATE_KEEP, STATE_READ, STATE_WRITE, STATE_TAKE, STATE_KEPT, STATE_DATA],
};
