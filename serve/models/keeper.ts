/**
 * Keeps a machine in service, with whatever image it has: one that was lost is closed, and opened again when it is
 * there, such as a board that was pulled and comes back; one that is to be worked at leaves, and comes back behind
 * that.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenedMachine } from '../../engine/opened-machine.js';
import { Place, type PlaceLimits } from '../scheduler/place.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import type { MachineSource } from './machine-source.js';

export interface KeeperEvents {
  onLost(name: string, error: unknown): void;
  onBack(name: string): void;
  /** It computes something wrong, and does not come back. */
  onDistrusted(name: string, error: Error): void;
}

export interface KeeperOptions {
  /** Where a machine with such an image serves. @throws TokenizerError */
  readonly join: (keeper: Keeper, opened: OpenedMachine) => Promise<Scheduler>;
  readonly limits: () => PlaceLimits;
  readonly events: KeeperEvents;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

interface Seat {
  readonly scheduler: Scheduler;
  readonly place: Place;
}

export class Keeper {
  readonly source: MachineSource;
  readonly #options: KeeperOptions;
  readonly #end = new AbortController();
  /** While it serves. */
  #seat: Seat | undefined;
  /** What is being opened or closed. */
  #work: Promise<void> = Promise.resolve();

  constructor(source: MachineSource, options: KeeperOptions) {
    this.source = source;
    this.#options = options;
  }

  get isServing(): boolean {
    return this.#seat !== undefined;
  }

  /** Into service. @throws what the engine throws; TokenizerError */
  async open(signal: AbortSignal): Promise<void> {
    const opened = await this.source.open(AbortSignal.any([signal, this.#end.signal]));
    try {
      const scheduler = await this.#options.join(this, opened);
      this.#end.signal.throwIfAborted();
      const place = new Place(opened.machine, this.#options.limits);
      this.#seat = { scheduler, place };
      scheduler.add(place);
    } catch (error) {
      await opened.machine.close();
      throw error;
    }
  }

  /** A place that the scheduler took out of service. @returns whether it was this one */
  lost(place: Place, error: unknown): boolean {
    if (place !== this.#seat?.place) return false;
    this.#seat = undefined;
    this.#options.events.onLost(this.source.name, error);
    this.#work = closeAnyway(place).then(async () => await this.#reopen());
    return true;
  }

  /** A place that computes something wrong: out of service for good. @returns whether it was this one */
  distrusted(place: Place, error: Error): boolean {
    if (place !== this.#seat?.place) return false;
    this.#seat = undefined;
    this.#options.events.onDistrusted(this.source.name, error);
    this.#work = closeAnyway(place);
    return true;
  }

  /** Out of service: what it computes comes to its end there, or goes on elsewhere. */
  async leave(): Promise<void> {
    await this.#work;
    if (this.#seat === undefined) return;
    const { scheduler, place } = this.#seat;
    await scheduler.retire(place);
    // It may have been lost meanwhile.
    if (this.#seat?.place !== place) return await this.leave();
    this.#seat = undefined;
    await closeAnyway(place);
  }

  /**
   * Out of service for work at the machine, and back with the image that it has then.
   *
   * @param undo where it does not come back behind the work, as with an image that cannot be served
   * @throws what the work throws, and what the engine throws if it does not come back; it is looked for then
   */
  async workAt(
    work: () => Promise<void>,
    signal: AbortSignal,
    undo: () => Promise<void> = async () => {},
  ): Promise<void> {
    await this.leave();
    let isDone = false;
    try {
      await work();
      isDone = true;
      await this.open(signal);
    } catch (error) {
      if (isDone) await undo();
      await this.#comeBack(signal).catch(() => {});
      throw error;
    }
  }

  /** Or is looked for. @throws what the engine throws; TokenizerError */
  async #comeBack(signal: AbortSignal): Promise<void> {
    try {
      await this.open(signal);
    } catch (error) {
      this.#work = this.#reopen();
      throw error;
    }
  }

  /** For good, at once: what it computes goes on elsewhere. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#work;
    if (this.#seat === undefined) return;
    const { scheduler, place } = this.#seat;
    this.#seat = undefined;
    scheduler.remove(place);
    await closeAnyway(place);
  }

  /** Until it is there again. */
  async #reopen(): Promise<void> {
    const { signal } = this.#end;
    for (let waitMs = FIRST_WAIT_MS; !signal.aborted; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      try {
        await sleep(waitMs, undefined, { signal });
        await this.open(signal);
        this.#options.events.onBack(this.source.name);
        return;
      } catch {
        // It is told already that it is lost.
      }
    }
  }
}

/** Of a machine that is lost, closing may fail too. */
async function closeAnyway({ machine }: Place): Promise<void> {
  await machine.close().catch(() => {});
}
