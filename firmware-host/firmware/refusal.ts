/** A request that the board does not carry out: becomes the message `ERROR` (docs/PROTOCOL.md, section 7). */

import { BOARD_ERRORS } from '../../protocol/wire/messages-board.js';

export type RefusalName = keyof typeof BOARD_ERRORS;

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: number;
  readonly facts: readonly [number, number];

  constructor(refusal: RefusalName, factA = 0, factB = 0) {
    super(`the board refuses: ${refusal}`);
    this.code = BOARD_ERRORS[refusal];
    this.facts = [factA, factB];
  }
}
