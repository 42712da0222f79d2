/** Who is next: a higher priority, then an owner who has fewer places, then whoever came first. */
import type { Job } from './job.js';

export class Waiting {
  readonly #jobs = new Set<Job>();

  get size(): number {
    return this.#jobs.size;
  }

  add(job: Job): void {
    this.#jobs.add(job);
  }

  delete(job: Job): boolean {
    return this.#jobs.delete(job);
  }

  of(owner: string): number {
    return [...this.#jobs].filter(({ work }) => work.owner === owner).length;
  }

  /** @param running of each owner */
  inOrder(running: (owner: string) => number): Job[] {
    const places = new Map<string, number>();
    const of = ({ work: { owner } }: Job): number => {
      const known = places.get(owner) ?? running(owner);
      places.set(owner, known);
      return known;
    };
    return [...this.#jobs].toSorted(
      (a, b) => b.work.priority - a.work.priority || of(a) - of(b) || a.number - b.number,
    );
  }
}
