/**
 * Some of the answers are computed again, on another machine, while nobody waits for it: from the state that they began
 * with, by the same sampler, with nothing that is known. A machine that computes something else is found, and named,
 * before anybody asks.
 */
import type { GivenToken, Job, Work } from './job.js';
import type { Place } from './place.js';

/** What an audit needs of the scheduler. */
export interface Audited {
  readonly places: readonly Place[];
  readonly waiting: number;
  submit(works: readonly Work[]): Job[];
  /** Takes a machine out of service for good, and all that is known from it. */
  distrust(place: Place, error: Error): void;
}

export interface AuditEvents {
  onAudited?(model: string): void;
  /** @param machine that is taken out of service; undefined where nobody can say which of the two is wrong */
  onMismatch?(model: string, machine: string | undefined, error: Error): void;
}

/** Less urgent than anything that somebody asks for. */
const PRIORITY = -101;
/** No key has a space in its name. */
const OWNER = 'an audit';
/** Answers that wait for an audit at most; the oldest ones are let go. */
const MOST_WAITING = 64;
const MOST_WAITING_TOKENS = 2 ** 16;

/**
 * Where two machines differ, the one that comes first here is right: integers of this computer's processor have been
 * compared with themselves.
 */
const TRUST = ['reference', 'cpu', 'simulator', 'gpu'];

interface Difference {
  readonly index: number;
  readonly one: GivenToken;
  readonly other: GivenToken;
}

export class Audits {
  readonly #scheduler: Audited;
  readonly #model: () => string;
  readonly #share: () => number;
  readonly #events: AuditEvents;
  readonly #waiting: Job[] = [];
  #isBusy = false;
  readonly #end = new AbortController();

  /** @param share of answers, 0 … 1 */
  constructor(scheduler: Audited, model: () => string, share: () => number, events: AuditEvents) {
    this.#scheduler = scheduler;
    this.#model = model;
    this.#share = share;
    this.#events = events;
  }

  /** An answer has come to its end. */
  consider(job: Job): void {
    const { told, auditOf } = job.work;
    if (told !== undefined || auditOf !== undefined || job.given.length === 0) return;
    if (Math.random() >= this.#share()) return;
    this.#waiting.push(job);
    const tokens = (): number => this.#waiting.reduce((sum, { given }) => sum + given.length, 0);
    while (this.#waiting.length > MOST_WAITING || tokens() > MOST_WAITING_TOKENS) this.#waiting.shift();
  }

  /** A machine may have become free. */
  look(): void {
    if (this.#isBusy || this.#waiting.length === 0 || this.#scheduler.waiting > 0) return;
    // An answer that no other machine can compute waits until it is let go.
    const at = this.#waiting.findIndex((job) =>
      this.#scheduler.places.some((place) => place.isFree && isOther(place, job)),
    );
    const [job] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (job === undefined) return;
    this.#isBusy = true;
    void this.#audit(job).finally(() => {
      this.#isBusy = false;
      this.look();
    });
  }

  /** No more of them. */
  close(): void {
    this.#waiting.length = 0;
    this.#end.abort();
  }

  async #audit(job: Job): Promise<void> {
    try {
      const difference = await this.#differenceOf(job, machinesOf(job));
      this.#events.onAudited?.(this.#model());
      if (difference !== undefined) await this.#judge(job, difference);
    } catch {
      // The machines were needed, or are gone: another answer will do.
    }
  }

  /** @param names of machines that do not compute it @throws what a job fails with */
  async #differenceOf(job: Job, names: ReadonlySet<string>): Promise<Difference | undefined> {
    const { prompt, start, sampler } = job.work;
    const enough = new AbortController();
    const [again] = this.#scheduler.submit([
      {
        prompt,
        start,
        sampler,
        maxTokens: job.given.length,
        auditOf: names,
        owner: OWNER,
        priority: PRIORITY,
        signal: AbortSignal.any([enough.signal, this.#end.signal]),
      },
    ]);
    let index = 0;
    for (;;) {
      const tokens = await again!.take();
      if (tokens.length === 0 && index < job.given.length) throw new Error('it was given up');
      if (tokens.length === 0) return undefined;
      for (const other of tokens) {
        const one = job.given[index];
        if (one === undefined || one.receipt !== other.receipt || one.id !== other.id) {
          enough.abort();
          return { index, one: one ?? other, other };
        }
        index++;
      }
    }
  }

  async #judge(job: Job, { index, one, other }: Difference): Promise<void> {
    const { places } = this.#scheduler;
    const [first, second] = [one, other].map(({ machine }) =>
      places.find((place) => place.machine.facts.name === machine),
    );
    const error = new Error(`${one.machine} and ${other.machine} compute other receipts for token ${index} of a text`);
    const wrong = lessTrusted(first, second) ?? (await this.#wrongByThird(job, first, second));
    if (wrong !== undefined) this.#scheduler.distrust(wrong, error);
    this.#events.onMismatch?.(this.#model(), wrong?.machine.facts.name, error);
  }

  /** Two of a kind: whoever agrees with a third machine is right. */
  async #wrongByThird(job: Job, first: Place | undefined, second: Place | undefined): Promise<Place | undefined> {
    if (first === undefined || second === undefined) return undefined;
    const names = new Set([...machinesOf(job), second.machine.facts.name]);
    if (!this.#scheduler.places.some(({ machine }) => !names.has(machine.facts.name))) return undefined;
    return (await this.#differenceOf(job, names)) === undefined ? second : first;
  }
}

/** Those that computed it. */
function machinesOf({ given }: Job): Set<string> {
  return new Set(given.map(({ machine }) => machine));
}

/** One from which an audit can be taken away for what somebody asks for. */
function isOther({ machine: { facts } }: Place, job: Job): boolean {
  return facts.can.state && !machinesOf(job).has(facts.name);
}

/** Undefined for two of a kind. */
function lessTrusted(first: Place | undefined, second: Place | undefined): Place | undefined {
  if (first === undefined || second === undefined) return undefined;
  const rank = ({ machine }: Place): number => {
    const at = TRUST.indexOf(machine.facts.kind);
    return at < 0 ? TRUST.length : at;
  };
  if (rank(first) === rank(second)) return undefined;
  return rank(first) > rank(second) ? first : second;
}
