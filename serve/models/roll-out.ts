/**
 * Boards get another image, one after the other: each comes to the end of what it computes, takes the image, repeats
 * its self-test, and serves again. If one of them does not, those that have the new image go back to the one before,
 * and nothing has changed.
 */
import { noBoards, rollOutFailed } from '../api-error.js';
import type { Keeper } from './keeper.js';

export interface RolledOut {
  /** Names of the boards that have the image now. */
  readonly boards: readonly string[];
}

/**
 * @param keepers of the machines that have the image before
 * @param image path of the new one, which is checked
 * @throws ApiError `no_boards`, `roll_out_failed`
 */
export async function rollOut(keepers: readonly Keeper[], image: string, signal: AbortSignal): Promise<RolledOut> {
  const boards = keepers.filter(({ source, isServing }) => source.board !== undefined && isServing);
  if (boards.length === 0) throw noBoards();
  const done: Keeper[] = [];
  for (const keeper of boards) {
    const { name, board } = keeper.source;
    try {
      await keeper.workAt(async () => await board!.flash(image, signal), signal);
      done.push(keeper);
    } catch (error) {
      const left: string[] = [];
      for (const other of done.toReversed()) {
        const { source } = other;
        await other.workAt(async () => await source.board!.revert(signal), signal).catch(() => left.push(source.name));
      }
      throw rollOutFailed(name, left, error);
    }
  }
  return { boards: done.map(({ source }) => source.name) };
}
