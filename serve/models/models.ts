/** The models in service, made of machines: those with the same image are one model. */
import { hexOf } from '../../protocol/hex.js';
import type { PlaceLimits } from '../scheduler/place.js';
import { Scheduler, type SchedulerEvents, type SchedulerLimits } from '../scheduler/scheduler.js';
import { Keeper, type KeeperEvents, type MachineSource } from './keeper.js';
import { servedModel, type ServedModel } from './served-model.js';

export interface ModelsOptions {
  readonly limits: () => SchedulerLimits & PlaceLimits;
  readonly events: KeeperEvents & Omit<SchedulerEvents, 'onLost'>;
}

export class Models {
  readonly list: readonly ServedModel[];
  readonly #keepers: readonly Keeper[];

  private constructor(list: readonly ServedModel[], keepers: readonly Keeper[]) {
    this.list = list;
    this.#keepers = keepers;
  }

  /**
   * Opens everything, one after the other, as several may want the same memory.
   *
   * @param sources at least one
   * @throws what the engine throws; TokenizerError. Everything is closed then.
   */
  static async open(
    sources: readonly MachineSource[],
    signal: AbortSignal,
    { limits, events }: ModelsOptions,
  ): Promise<Models> {
    const models = new Map<string, ServedModel>();
    const keepers: Keeper[] = [];
    const onLost: SchedulerEvents['onLost'] = (place, error) => void keepers.some((keeper) => keeper.lost(place, error));
    try {
      for (const source of sources) {
        const opened = await source.open(signal);
        try {
          const key = hexOf(opened.machine.facts.image.sha256);
          const { name } = opened.machine.facts.image;
          const id = [...models.values()].some((other) => other.id === name) ? `${name}@${key.slice(0, 8)}` : name;
          const model =
            models.get(key) ?? (await servedModel(opened, id, new Scheduler(id, limits, { ...events, onLost })));
          models.set(key, model);
          keepers.push(new Keeper(source, opened, model.scheduler, limits, events));
        } catch (error) {
          await opened.machine.close();
          throw error;
        }
      }
      return new Models([...models.values()], keepers);
    } catch (error) {
      await closeAll([...models.values()], keepers);
      throw error;
    }
  }

  /** No new texts; resolves when the last one is done. */
  async drained(): Promise<void> {
    await Promise.all(this.list.map(async ({ scheduler }) => await scheduler.drained()));
  }

  /** Ends what is under way: clients are told to ask again. */
  end(): void {
    for (const { scheduler } of this.list) scheduler.close();
  }

  async close(): Promise<void> {
    this.end();
    await closeAll(this.list, this.#keepers);
  }
}

async function closeAll(models: readonly ServedModel[], keepers: readonly Keeper[]): Promise<void> {
  await Promise.all(keepers.map(async (keeper) => await keeper.close()));
  await Promise.all(models.map(async ({ texts }) => await texts?.close()));
}
