/** Several iterations as one, each item as soon as it is there; all are ended when one throws, or nobody wants more. */
export async function* merged<T>(sources: readonly AsyncGenerator<T, void>[]): AsyncGenerator<T, void> {
  type Source = AsyncGenerator<T, void>;
  /** What has come and was not yielded, in the order in which it came. */
  const ready: (() => readonly [source: Source, result: IteratorResult<T, void>])[] = [];
  let wake = (): void => {};
  // Not Promise.race: each of its promises would remember every race until it is settled.
  const step = (source: Source): void => {
    const settle = (outcome: (typeof ready)[number]): void => {
      ready.push(outcome);
      wake();
    };
    source.next().then(
      (result) => settle(() => [source, result]),
      (error: unknown) =>
        settle(() => {
          throw error;
        }),
    );
  };
  const open = new Set(sources);
  for (const source of open) step(source);
  try {
    while (open.size > 0) {
      const outcome = ready.shift();
      if (outcome === undefined) {
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      const [source, result] = outcome();
      if (result.done === true) {
        open.delete(source);
      } else {
        step(source);
        yield result.value;
      }
    }
  } finally {
    // Those that are not at their end wait for something that is aborted, or answer later; nobody waits for them.
    for (const source of open) source.return().catch(() => {});
  }
}
