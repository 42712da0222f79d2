/** One thing at a time, for which owners take turns: who asks for much waits for himself, not others for him. */
export class Turns {
  /** By owner, whoever is next first. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #isTaken = false;

  /** @throws what the work throws */
  async take<T>(owner: string, work: () => Promise<T>): Promise<T> {
    if (this.#isTaken) {
      await new Promise<void>((resolve) => {
        const own = this.#waiting.get(owner) ?? [];
        own.push(resolve);
        this.#waiting.set(owner, own);
      });
    }
    this.#isTaken = true;
    try {
      return await work();
    } finally {
      this.#pass();
    }
  }

  /** Resolves when nothing is done, and nobody waits. */
  async idle(): Promise<void> {
    while (this.#isTaken) await this.take('', async () => await Promise.resolve());
  }

  /** It stays taken until whoever is next has it. */
  #pass(): void {
    const [next] = this.#waiting;
    if (next === undefined) return void (this.#isTaken = false);
    const [owner, own] = next;
    const wake = own.shift();
    this.#waiting.delete(owner);
    if (own.length > 0) this.#waiting.set(owner, own);
    wake?.();
  }
}
