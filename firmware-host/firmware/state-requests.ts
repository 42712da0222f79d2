/** What a board does with the requests of `state.1`: docs/PROTOCOL.md, section 8. */

import { crc32 } from '../../protocol/crc32.js';
import { stateWords } from '../../protocol/state/sequence-state.js';
import { bytesOfU32 } from '../../protocol/little-endian.js';
import { DONE } from '../../protocol/wire/messages-run.js';
import {
  STATE_DATA,
  STATE_GROUP,
  STATE_KEEP,
  STATE_KEPT,
  STATE_READ,
  STATE_TAKE,
  STATE_WORDS,
  STATE_WRITE,
} from '../../protocol/wire/groups/messages-state.js';
import type { BoardModel } from './image-store.js';
import type { Inference } from './inference.js';
import { Refusal } from './refusal.js';
import { handler, reply } from './request.js';
import type { HandlerGroup, Reply } from './request.js';

/** A state beside that of the model it belongs to. */
interface Copy {
  readonly model: BoardModel;
  readonly words: Uint32Array;
}

export function stateRequests(inference: Inference): HandlerGroup {
  let kept: Copy | undefined;
  let brought: Copy | undefined;

  function keep(): Reply {
    const { model } = inference.running;
    const words = new Uint32Array(model.readState());
    kept = { model, words };
    const { position } = inference;
    return reply(STATE_KEPT, { position, words: words.length, crc32: crc32(bytesOfU32(words)) });
  }

  function read(firstWord: number, count: number): Reply {
    const { model } = inference.running;
    const isThere = kept?.model === model && count > 0 && count <= STATE_WORDS;
    if (!isThere || firstWord + count > kept!.words.length) throw new Refusal('writeOutOfOrder', firstWord);
    return reply(STATE_DATA, { firstWord, words: kept!.words.slice(firstWord, firstWord + count) });
  }

  /** Parts may come in any order, and again: the checksum says whether all are there. */
  function write(firstWord: number, words: Uint32Array): undefined {
    const { model } = inference.running;
    const length = stateWords(model.shape);
    if (firstWord + words.length > length) throw new Refusal('writeOutOfOrder', firstWord);
    if (brought?.model !== model) brought = { model, words: new Uint32Array(length) };
    brought.words.set(words, firstWord);
  }

  function take(position: number, sum: number): Reply {
    const { model } = inference.running;
    const copy = brought;
    brought = undefined;
    if (copy?.model !== model || crc32(bytesOfU32(copy.words)) !== sum) throw new Refusal('imageDamaged');
    model.writeState(new Int32Array(copy.words));
    inference.position = position;
    return reply(DONE, { request: STATE_TAKE.type });
  }

  return {
    group: STATE_GROUP,
    handlers: [
      handler(STATE_KEEP, keep, { duringRun: true }),
      handler(STATE_READ, ({ firstWord, words }) => read(firstWord, words), { duringRun: true }),
      handler(STATE_WRITE, ({ firstWord, words }) => write(firstWord, words)),
      handler(STATE_TAKE, ({ position, crc32: sum }) => take(position, sum)),
    ],
  };
}
