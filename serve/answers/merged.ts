/** Several iterations as one, each item as soon as it is there; all are ended when one throws, or nobody wants more. */
export async function* merged<T>(sources: readonly AsyncGenerator<T, void>[]): AsyncGenerator<T, void> {
  type Step = Promise<readonly [source: AsyncGenerator<T, void>, IteratorResult<T, void>]>;
  const step = (source: AsyncGenerator<T, void>): Step => {
    const next = source.next().then((result) => [source, result] as const);
    // Whoever reads slowly hears of it later; nobody else may stumble over it meanwhile.
    next.catch(() => {});
    return next;
  };
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
    for (const source of steps.keys()) source.return().catch(() => {});
  }
}
