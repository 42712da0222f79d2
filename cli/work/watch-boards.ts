/** `mmfree boards --watch`: what comes, goes and changes after the first list. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BoardWatch, type BoardChange } from '../../device/finding/board-watch.js';
import { findBoards, type FoundBoard } from '../../device/finding/discovery.js';
import { addressText } from '../../device/selector.js';
import type { SessionOptions } from '../../device/session.js';
import type { CommandContext } from '../command.js';
import { report } from './board-report.js';

/** Between two looks at what is there, which opens nothing. */
const LOOK_MS = 500;

/**
 * Never ends by itself. A board that does not answer holds up only what is said of itself.
 *
 * @param found what has been said already
 * @throws AbortError
 */
export async function watch(
  found: readonly FoundBoard[],
  options: SessionOptions,
  { output, signal }: Pick<CommandContext, 'output' | 'signal'>,
): Promise<never> {
  const boards = new BoardWatch(found);
  /** Of each board, the end of what is to be said of it, in its order. */
  const telling = new Map<string, Promise<void>>();

  async function tell({ kind, board }: BoardChange): Promise<void> {
    if (kind === 'gone') {
      const selector = addressText(board.address);
      output.event('board-gone', { selector, serial: board.serial === '' ? null : board.serial });
      output.print(`gone: ${[selector, board.name].filter((part) => part !== '').join('  ')}\n`);
      return;
    }
    const { facts, lines } = await report(board, options);
    if (signal.aborted) return;
    output.event(`board-${kind}`, facts);
    output.print(`${kind}: ${lines.join('; ')}\n`);
  }

  async function tellAfter(earlier: Promise<void> | undefined, change: BoardChange): Promise<void> {
    await earlier;
    await tell(change);
  }

  output.note('watching for boards that come and go; Ctrl-C ends it');
  try {
    for (;;) {
      await sleep(LOOK_MS, undefined, { signal });
      for (const change of boards.look(await findBoards())) {
        telling.set(change.key, tellAfter(telling.get(change.key), change));
      }
    }
  } finally {
    await Promise.all(telling.values());
  }
}
