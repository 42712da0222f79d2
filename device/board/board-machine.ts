/**
 * A board as a machine: the same interface as the reference, so the same commands and the same comparison. It has one
 * sequence at a time.
 *
 * When the wire breaks, a run goes on at its index if the board still has it. Otherwise a new one starts behind the
 * same tokens, from a state that was read before if the board gives states; the sampler counts by index, so the result
 * is the same.
 */

import type { Machine, MachineFacts, Sequence } from '../../model/machine/machine.js';
import { stateWords } from '../../protocol/state/sequence-state.js';
import { STATE_GROUP } from '../../protocol/wire/groups/messages-state.js';
import type { BoardConnection } from '../connection.js';
import { BoardSequence } from './board-sequence.js';
import { BoardText } from './board-text.js';
import { ReadingPace } from './reading-pace.js';

export interface BoardMachineOptions {
  /** Who samples: the board itself if it can, or this computer from the candidates that the board sends. */
  readonly sampling?: 'board' | 'host';
  /** Tokens that end a text, if the image has several: a board tells one of them, and may know no other. */
  readonly eosTokenIds?: readonly number[] | undefined;
  /** Groups of messages that the board knows, as its session tells when asked; none of them is used if absent. */
  readonly capabilities?: ReadonlySet<string>;
}

export class BoardMachine implements Machine {
  readonly facts: MachineFacts;
  readonly #connection: BoardConnection;
  readonly #sampling: 'board' | 'host';
  /** What reading its states takes, whichever text they are of. */
  readonly #pace: ReadingPace | undefined;
  #isTaken = false;

  /** @throws BoardError `board-no-image` */
  constructor(connection: BoardConnection, options: BoardMachineOptions = {}) {
    const { sampling = 'board', eosTokenIds, capabilities } = options;
    const { image, hello } = connection.session;
    const name = `${hello.board} ${hello.serial}`;
    const state = capabilities?.has(STATE_GROUP.name) === true;
    const can = { taps: true, logits: false, sampling: sampling === 'board', state, batches: false };
    const shape = { ...image, ...(eosTokenIds && { eosTokenIds }) };
    this.facts = { name, kind: 'board', shape, image, sequences: 1, can };
    this.#connection = connection;
    this.#sampling = sampling;
    this.#pace = state ? new ReadingPace(connection.clock, stateWords(shape)) : undefined;
  }

  open(): Promise<Sequence> {
    if (this.#isTaken) throw new RangeError('a board has one sequence at a time');
    this.#isTaken = true;
    const { shape, image } = this.facts;
    const [connection, sampling, pace] = [this.#connection, this.#sampling, this.#pace];
    const text = new BoardText({ connection, shape, image, sampling, pace });
    return Promise.resolve(new BoardSequence(text, () => void (this.#isTaken = false)));
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}
