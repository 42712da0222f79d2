/**
 * What must not stay behind when the process ends before its work does: temporary files, and what tells others of a
 * board.
 *
 * A command that is interrupted has a moment to end by itself; then the process exits wherever it is (cli/program.ts),
 * and what is noted here is taken away.
 */

const noted = new Set<() => void>();

/**
 * @param remove takes it away, at once and without waiting
 * @returns what is called when it is gone, or there to stay
 */
export function removeAtExit(remove: () => void): () => void {
  if (noted.size === 0) process.on('exit', removeAll);
  noted.add(remove);
  return () => {
    noted.delete(remove);
    if (noted.size === 0) process.off('exit', removeAll);
  };
}

function removeAll(): void {
  for (const remove of noted) {
    try {
      remove();
    } catch {
      // The others still are to be taken away, and nobody is there to be told.
    }
  }
}
