/** Machines that come and go by themselves, such as boards that are plugged in. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MachineSource } from './machine-source.js';
import type { Models } from './models.js';

export interface HotPlugEvents {
  onCame(name: string): void;
  onGone(name: string): void;
  /** It is there and cannot serve; told once, and tried again. */
  onRefused(name: string, error: unknown): void;
}

const LOOK_MS = 500;

/** A board may be busy, or have no image yet. */
const TRY_AGAIN_MS = 5_000;

interface Found {
  readonly source: MachineSource;
  state: 'opening' | 'serving' | 'refused';
  /** Of the last try. */
  triedMs: number;
  message: string;
}

export class HotPlug {
  readonly #models: Models;
  readonly #look: () => Promise<readonly MachineSource[]>;
  readonly #events: HotPlugEvents;
  readonly #found = new Map<string, Found>();
  /** What the last look failed with. */
  #blindness = '';

  /** @param look what is there now, without opening it */
  constructor(models: Models, look: () => Promise<readonly MachineSource[]>, events: HotPlugEvents) {
    this.#models = models;
    this.#look = look;
    this.#events = events;
  }

  /** Looks again and again, until the signal ends it. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
      // They come into service whenever they do.
      if (!signal.aborted) void (await this.look(signal));
    }
  }

  /** Looks once. @returns what becomes of those that came, whenever it does */
  async look(signal: AbortSignal): Promise<readonly Promise<void>[]> {
    const there = await this.#seen();
    if (there === undefined) return [];
    const sources = new Map(there.map((source) => [source.key, source]));
    for (const [key, { source, state }] of this.#found) {
      if (sources.has(key)) continue;
      this.#found.delete(key);
      if (state === 'refused') continue;
      void this.#models.remove(source, false);
      this.#events.onGone(source.name);
    }
    const nowMs = performance.now();
    const opening: Promise<void>[] = [];
    for (const [key, source] of sources) {
      const found = this.#found.get(key) ?? { source, state: 'refused', triedMs: -Infinity, message: '' };
      if (found.state !== 'refused' || nowMs - found.triedMs < TRY_AGAIN_MS) continue;
      Object.assign(found, { state: 'opening', triedMs: nowMs });
      this.#found.set(key, found);
      opening.push(this.#open(found, signal));
    }
    return opening;
  }

  /** Undefined where it cannot be seen now, which is told once: what serves does so meanwhile. */
  async #seen(): Promise<readonly MachineSource[] | undefined> {
    try {
      const there = await this.#look();
      this.#blindness = '';
      return there;
    } catch (error) {
      const message = messageOf(error);
      if (message !== this.#blindness) this.#events.onRefused('whatever is plugged in', error);
      this.#blindness = message;
      return undefined;
    }
  }

  async #open(found: Found, signal: AbortSignal): Promise<void> {
    const { name } = found.source;
    try {
      await this.#models.add(found.source, signal);
      found.state = 'serving';
      this.#events.onCame(name);
    } catch (error) {
      found.state = 'refused';
      const message = messageOf(error);
      if (signal.aborted || message === found.message) return;
      found.message = message;
      this.#events.onRefused(name, error);
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
