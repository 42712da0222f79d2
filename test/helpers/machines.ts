/** Machines for tests, and what comes of them as arrays. */
import { BoardMachine, type BoardMachineOptions } from '../../device/board/board-machine.js';
import type { BoardConnection } from '../../device/connection.js';
import { readModelWeights, residentBytes } from '../../model/integer/model-weights.js';
import type { Machine, Sequence } from '../../model/machine/machine.js';
import { referenceMachine } from '../../model/machine/reference.js';
import type { ModelSections } from '../../protocol/image/model-shape.js';

export const TEST_IMAGE = { name: 'test', sha256: new Uint8Array(32).fill(7) };

export function referenceOf(sections: ModelSections): Machine {
  return referenceMachine(readModelWeights(residentBytes(sections)), TEST_IMAGE);
}

/** A sequence on the reference. */
export async function referenceSequence(sections: ModelSections): Promise<Sequence> {
  return await referenceOf(sections).open();
}

/** The sequence of a board. */
export async function boardSequence(connection: BoardConnection, options?: BoardMachineOptions): Promise<Sequence> {
  return await new BoardMachine(connection, options).open();
}

/** All that comes. */
export async function gathered<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export async function receiptsOf(sequence: Sequence, tokens: readonly number[]): Promise<number[]> {
  return (await gathered(sequence.feed(tokens))).map(({ receipt }) => receipt);
}
