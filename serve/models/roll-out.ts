/**
 * Boards get another image, one after the other: each comes to the end of what it computes, takes the image, repeats
 * its self-test, and serves again. If one of them does not, all that have the new image go back to the one before, and
 * nothing has changed.
 */
import { rollOutFailed } from '../api-error.js';
import type { Keeper } from './keeper.js';

export interface RolledOut {
  /** Names of the boards that have the image now. */
  readonly boards: readonly string[];
}

/** One board, and what it is to have. */
export interface RollOutStep {
  readonly keeper: Keeper;
  /** Path of the image, which is checked. */
  readonly image: string;
}

/** @throws ApiError `roll_out_failed` */
export async function rollOut(steps: readonly RollOutStep[], signal: AbortSignal): Promise<RolledOut> {
  const done: Keeper[] = [];
  for (const { keeper, image } of steps) {
    const { name, board } = keeper.source;
    const left: string[] = [];
    const goBack = async (): Promise<void> => {
      await board!.revert(signal).catch(() => left.push(name));
    };
    try {
      await keeper.workAt(async () => await board!.flash(image, signal), signal, goBack);
      done.push(keeper);
    } catch (error) {
      for (const other of done.toReversed()) {
        const { source } = other;
        await other.workAt(async () => await source.board!.revert(signal), signal).catch(() => left.push(source.name));
      }
      throw rollOutFailed(name, left, error);
    }
  }
  return { boards: done.map(({ source }) => source.name) };
}
