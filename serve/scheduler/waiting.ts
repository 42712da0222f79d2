/**
 * Who is next: a higher priority, then an owner who has fewer places, or has waited longer for one, then whoever came
 * first.
 */
import type { Job } from './job.js';

export class Waiting {
  readonly #jobs = new Set<Job>();
  /** Owner → the turn in which a job of his was started last. */
  readonly #turns = new Map<string, number>();
  #turn = 0;

  get size(): number {
    return this.#jobs.size;
  }

  add(job: Job): void {
    this.#jobs.add(job);
  }

  /** A job gets a place. */
  start(job: Job): void {
    this.#jobs.delete(job);
    this.#turns.set(job.work.owner, ++this.#turn);
  }

  /** A job does not wait any more. @returns whether it did */
  leave(job: Job): boolean {
    return this.#jobs.delete(job);
  }

  of(owner: string): number {
    return [...this.#jobs].filter(({ work }) => work.owner === owner).length;
  }

  /** @param running jobs of an owner that have a place */
  inOrder(running: (owner: string) => number): Job[] {
    const owners = new Set(Array.from(this.#jobs, ({ work }) => work.owner));
    const places = new Map(Array.from(owners, (owner) => [owner, running(owner)]));
    const compare = (of: (owner: string) => number, a: Job, b: Job): number => of(a.work.owner) - of(b.work.owner);
    return [...this.#jobs].toSorted(
      (a, b) =>
        b.work.priority - a.work.priority ||
        compare((owner) => places.get(owner) ?? 0, a, b) ||
        compare((owner) => this.#turns.get(owner) ?? 0, a, b) ||
        a.number - b.number,
    );
  }
}
