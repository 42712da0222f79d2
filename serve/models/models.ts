/**
 * The models in service, made of machines, which come and go: those with the same image are one model. A model is there
 * as long as a machine has its image, or had it last.
 */
import type { OpenedMachine } from '../../engine/opened-machine.js';
import { noBoards, rollOutBusy } from '../api-error.js';
import { hexOf } from '../../protocol/hex.js';
import type { PlaceLimits } from '../scheduler/place.js';
import { Scheduler, type SchedulerEvents, type SchedulerLimits } from '../scheduler/scheduler.js';
import { Keeper, type KeeperEvents } from './keeper.js';
import type { MachineSource } from './machine-source.js';
import { rollOut, type RolledOut, type RollOutStep } from './roll-out.js';
import { servedModel, type ServedModel } from './served-model.js';

export interface ModelsOptions {
  readonly limits: () => SchedulerLimits & PlaceLimits;
  readonly events: KeeperEvents & Omit<SchedulerEvents, 'onLost' | 'onDistrusted'>;
}

/** Another set of machines. */
export interface Change {
  readonly coming: readonly MachineSource[];
  readonly leaving: readonly MachineSource[];
  readonly replaced?: readonly Replaced[];
}

/** A machine that leaves, and the image of the one that comes in its place: boards with its image take that one too. */
export interface Replaced {
  readonly before: MachineSource;
  /** Path. */
  readonly image: string;
}

export class Models {
  readonly #options: ModelsOptions;
  #list: readonly ServedModel[] = [];
  /** In the order of the models, each with that of the image that it has, or had last. */
  readonly #keepers = new Map<Keeper, ServedModel | undefined>();
  #isRollingOut = false;
  /** By SHA-256 of the image, those that are being made too. */
  readonly #known = new Map<string, Promise<ServedModel>>();

  constructor(options: ModelsOptions) {
    this.#options = options;
  }

  /** The first one serves those who name none. */
  get list(): readonly ServedModel[] {
    return this.#list;
  }

  /**
   * Machines come into service, one after the other, as several may want the same memory; boards take the images of
   * those that come in the place of others; then these leave.
   *
   * @returns when those that leave have come to the end of what they compute
   * @throws what the engine throws; TokenizerError; ApiError `roll_out_failed`, `roll_out_busy`. Nothing has changed
   *   then, but for boards that did not go back, which the error names.
   */
  async change(
    { coming, leaving, replaced = [] }: Change,
    signal: AbortSignal,
  ): Promise<{ readonly left: Promise<unknown> }> {
    const come: MachineSource[] = [];
    try {
      for (const source of coming) {
        await this.add(source, signal);
        come.push(source);
      }
      await this.#rollOut(this.#stepsFor(replaced, leaving), signal);
    } catch (error) {
      await Promise.all(come.map(async (source) => await this.remove(source, false)));
      throw error;
    }
    return { left: Promise.all(leaving.map(async (source) => await this.remove(source, true))) };
  }

  /** @throws what the engine throws; TokenizerError */
  async add(source: MachineSource, signal: AbortSignal): Promise<void> {
    const { limits, events } = this.#options;
    const keeper = new Keeper(source, { join: async (...joining) => await this.#join(...joining), limits, events });
    this.#keepers.set(keeper, undefined);
    try {
      await keeper.open(signal);
    } catch (error) {
      this.#keepers.delete(keeper);
      this.#prune();
      throw error;
    }
  }

  /** Takes a machine out of service. @param isThere whether it may end what it computes */
  async remove(source: MachineSource, isThere: boolean): Promise<void> {
    const keeper = [...this.#keepers.keys()].find((other) => other.source.key === source.key);
    if (keeper === undefined) return;
    this.#keepers.delete(keeper);
    this.#prune();
    if (isThere) await keeper.leave();
    await keeper.close();
  }

  /**
   * Another image for the boards of a model.
   *
   * @param image path; it is checked
   * @throws ApiError `no_boards`, `roll_out_failed`, `roll_out_busy`
   */
  async rollOut(model: ServedModel, image: string, signal: AbortSignal): Promise<RolledOut> {
    const boards = this.#boardsOf(model);
    if (boards.length === 0) throw noBoards();
    return await this.#rollOut(
      boards.map((keeper) => ({ keeper, image })),
      signal,
    );
  }

  async #rollOut(steps: readonly RollOutStep[], signal: AbortSignal): Promise<RolledOut> {
    if (steps.length === 0) return { boards: [] };
    if (this.#isRollingOut) throw rollOutBusy();
    this.#isRollingOut = true;
    try {
      return await rollOut(steps, signal);
    } finally {
      this.#isRollingOut = false;
    }
  }

  /** Boards that have the image of a machine whose place another one takes, but for those that leave. */
  #stepsFor(replaced: readonly Replaced[], leaving: readonly MachineSource[]): RollOutStep[] {
    return replaced.flatMap(({ before, image }) => {
      const [, model] = [...this.#keepers].find(([{ source }]) => source.key === before.key) ?? [];
      const staying = this.#boardsOf(model).filter(({ source }) => !leaving.some(({ key }) => key === source.key));
      return staying.map((keeper) => ({ keeper, image }));
    });
  }

  /** Those of its machines that take an image, and are there. */
  #boardsOf(model: ServedModel | undefined): readonly Keeper[] {
    return Array.from(this.#keepers.keys()).filter((keeper) => {
      // What has no model yet serves none.
      return this.#keepers.get(keeper) === model && keeper.isServing && keeper.source.board !== undefined;
    });
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
    await Promise.all(Array.from(this.#keepers.keys(), async (keeper) => await keeper.close()));
    await Promise.all(this.list.map(async ({ texts }) => await texts?.close()));
  }

  async #join(keeper: Keeper, opened: OpenedMachine): Promise<Scheduler> {
    const key = hexOf(opened.machine.facts.image.sha256);
    const making = this.#known.get(key) ?? this.#make(key, opened);
    this.#known.set(key, making);
    const model = await making;
    // It may have been removed meanwhile; its place is closed with it then.
    if (this.#keepers.has(keeper)) this.#keepers.set(keeper, model);
    this.#prune();
    return model.scheduler;
  }

  async #make(key: string, opened: OpenedMachine): Promise<ServedModel> {
    const { limits, events } = this.#options;
    const onLost: SchedulerEvents['onLost'] = (place, error) => {
      for (const keeper of this.#keepers.keys()) if (keeper.lost(place, error)) return;
    };
    const onDistrusted: SchedulerEvents['onDistrusted'] = (place, error) => {
      for (const keeper of this.#keepers.keys()) if (keeper.distrusted(place, error)) return;
    };
    try {
      const name = (): string => model.id;
      const model = await servedModel(opened, new Scheduler(name, limits, { ...events, onLost, onDistrusted }));
      return model;
    } catch (error) {
      this.#known.delete(key);
      throw error;
    }
  }

  /**
   * Models that no machine has any more are gone for clients; the name of an image is that of the first one that has
   * it.
   */
  #prune(): void {
    const used = new Set(this.#keepers.values());
    for (const model of this.#list) {
      if (used.has(model)) continue;
      this.#known.delete(model.fingerprint);
      model.scheduler.dismiss();
      void model.texts?.close();
    }
    this.#list = [...used].filter((model) => model !== undefined);
    const names = new Set<string>();
    for (const model of this.#list) {
      const { name } = model.image;
      model.id = names.has(name) ? `${name}@${model.fingerprint.slice(0, 8)}` : name;
      names.add(name);
    }
  }
}
