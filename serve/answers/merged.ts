/** Several iterations as one, each item as soon as it is there; all are ended when one throws, or nobody wants more. */
export async function* merged<T>(sources: readonly AsyncGenerator<T, void>[]): AsyncGenerator<T, void> {
  const step = async (source: AsyncGenerator<T, void>): Promise<readonly [typeof source, IteratorResult<T, void>]> => [
    source,
    await source.next(),
  ];
  const steps = new Map(sources.map((source) => [source, step(source)]));
  try {
    while (steps.size > 0) {
      const [source, result] = await Promise.race(steps.values());
      if (result.done === true) {
        steps.delete(source);
      } else {
        steps.set(source, step(source));
        yield result.value;
      }
    }
  } finally {
    // Those that are not at their end wait for something that is aborted, or answer later; nobody waits for them.
    for (const [source, next] of steps) {
      next.catch(() => {});
      source.return().catch(() => {});
    }
  }
}
