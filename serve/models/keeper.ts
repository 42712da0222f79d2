/** Keeps a machine in service: one that was lost is closed, and opened again when it is there, such as a board that was pulled and comes back. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenedMachine } from '../../engine/opened-machine.js';
import { sameBytes } from '../../protocol/little-endian.js';
import { Place, type PlaceLimits } from '../scheduler/place.js';
import type { Scheduler } from '../scheduler/scheduler.js';

/** Where a machine comes from. */
export interface MachineSource {
  /** For people. */
  readonly name: string;
  /** @throws what the engine throws */
  open(signal: AbortSignal): Promise<OpenedMachine>;
}

export interface KeeperEvents {
  onLost(name: string, error: unknown): void;
  onBack(name: string): void;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

export class Keeper {
  readonly #source: MachineSource;
  readonly #scheduler: Scheduler;
  readonly #limits: () => PlaceLimits;
  readonly #events: KeeperEvents;
  readonly #end = new AbortController();
  #place: Place;
  /** What is being opened or closed. */
  #work: Promise<void> = Promise.resolve();

  /** @param opened of this source; the keeper closes it */
  constructor(
    source: MachineSource,
    opened: OpenedMachine,
    scheduler: Scheduler,
    limits: () => PlaceLimits,
    events: KeeperEvents,
  ) {
    this.#source = source;
    this.#scheduler = scheduler;
    this.#limits = limits;
    this.#events = events;
    this.#place = new Place(opened.machine, limits);
    scheduler.add(this.#place);
  }

  /** A place that the scheduler took out of service. @returns whether it was this one */
  lost(place: Place, error: unknown): boolean {
    if (place !== this.#place) return false;
    this.#events.onLost(this.#source.name, error);
    this.#work = this.#replace(place.machine.facts.image.sha256);
    return true;
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#work;
    this.#scheduler.remove(this.#place);
    await closeAnyway(this.#place);
  }

  /** Until it is there again, with the same image. */
  async #replace(sha256: Uint8Array): Promise<void> {
    const { signal } = this.#end;
    await closeAnyway(this.#place);
    for (let waitMs = FIRST_WAIT_MS; !signal.aborted; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      try {
        await sleep(waitMs, undefined, { signal });
        const { machine } = await this.#source.open(signal);
        this.#place = new Place(machine, this.#limits);
        if (!sameBytes(machine.facts.image.sha256, sha256)) throw new Error('it has another image now');
        this.#events.onBack(this.#source.name);
        this.#scheduler.add(this.#place);
        return;
      } catch {
        // It is told already that it is lost.
        await closeAnyway(this.#place);
      }
    }
  }
}

/** Of a machine that is lost, closing may fail too. */
async function closeAnyway({ machine }: Place): Promise<void> {
  await machine.close().catch(() => {});
}
