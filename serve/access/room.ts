/** How much of something each owner has under way. */
import { keyBusy } from '../api-error.js';

export class Room {
  readonly #taken = new Map<string, number>();

  /**
   * @param limit of all that the owner has
   * @param what it is, in words
   * @returns gives it back; again, nothing
   * @throws ApiError `key_busy`
   */
  take(owner: string, amount: number, limit: number, what: string): () => void {
    const before = this.#taken.get(owner) ?? 0;
    if (before + amount > limit) throw keyBusy(`${limit} ${what}`, 1);
    this.#taken.set(owner, before + amount);
    let own = amount;
    return () => {
      const rest = (this.#taken.get(owner) ?? 0) - own;
      own = 0;
      if (rest > 0) this.#taken.set(owner, rest);
      else this.#taken.delete(owner);
    };
  }
}
