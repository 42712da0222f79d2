/** Reading the next piece of a file while the present one is worked on. */

/**
 * Yields `load(0)`, `load(1)`, … `load(count − 1)`, each started when the one before is handed out. So two pieces are
 * in use at a time, and `load` must not give the same memory twice in a row.
 */
export async function* readAhead<Piece>(
  count: number,
  load: (index: number) => Promise<Piece>,
): AsyncGenerator<Piece, void, undefined> {
  let next = count > 0 ? load(0) : undefined;
  for (let index = 1; next !== undefined; index++) {
    const piece = await next;
    next = index < count ? load(index) : undefined;
    // A consumer that leaves early never waits for it; whoever goes on gets the error.
    next?.catch(() => {});
    yield piece;
  }
}
