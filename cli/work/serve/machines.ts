/** The machines of a service that runs: those that options name, which may change, and boards that come and go. */
import { expectSelfTest } from '../../../engine/self-test.js';
import { invalidImage } from '../../../serve/api-error.js';
import { HotPlug, type HotPlugEvents } from '../../../serve/models/hot-plug.js';
import type { MachineSource } from '../../../serve/models/machine-source.js';
import type { RolledOut } from '../../../serve/models/roll-out.js';
import type { ServedModel } from '../../../serve/models/served-model.js';
import type { Models, Replaced } from '../../../serve/models/models.js';
import { openChecked } from '../../../model/check-image.js';
import type { Machine } from '../../../model/machine/machine.js';
import type { CommandContext } from '../../command.js';
import { pluggedBoards, sourcesOf, type SourcesInput } from './sources.js';

export class ServiceMachines {
  readonly #models: Models;
  readonly #context: CommandContext;
  readonly #hotPlug: HotPlug;
  #input: SourcesInput;
  #sources: readonly MachineSource[] = [];

  constructor(models: Models, input: SourcesInput, events: HotPlugEvents, context: CommandContext) {
    this.#models = models;
    this.#input = input;
    this.#context = context;
    this.#hotPlug = new HotPlug(models, async () => await pluggedBoards(this.#input, context), events);
  }

  /** Those that are named, and those that are plugged in now. @throws what the engine throws; UsageError */
  async open(): Promise<void> {
    const { signal } = this.#context;
    const sources = sourcesOf(this.#input, this.#context);
    await this.#models.change({ coming: sources, leaving: [] }, signal);
    this.#sources = sources;
    await Promise.all(await this.#hotPlug.look(signal));
    void this.#hotPlug.watch(signal);
  }

  /** Another image for the boards of a model. @param path of a whole image @throws ApiError */
  async rollOut(model: ServedModel, path: string): Promise<RolledOut> {
    const { signal } = this.#context;
    try {
      // Every byte of it, before a board leaves the service for it.
      (await openChecked(path, signal)).close();
    } catch (error) {
      throw error instanceof Error && !signal.aborted ? invalidImage(error) : error;
    }
    return await this.#models.rollOut(model, path, signal);
  }

  /**
   * What options name now comes into service, also a file with another image than before, when it has passed its
   * self-test; boards that have the image from before take it, one after the other; what options do not name any more
   * leaves the service behind that.
   *
   * @throws what the engine throws; MismatchError; UsageError; ApiError. Nothing has changed then.
   */
  async change(input: SourcesInput): Promise<void> {
    const { signal } = this.#context;
    const sources = sourcesOf(input, this.#context);
    const coming = sources.filter(({ key }) => !this.#sources.some((before) => before.key === key));
    const leaving = this.#sources.filter((before) => !sources.some(({ key }) => before.key === key));
    const replaced = replacedBy(leaving, coming);
    await this.#models.change({ coming: coming.map(tested), leaving, replaced }, signal);
    this.#sources = sources;
    this.#input = input;
  }
}

/** An image takes the place of one that had the same path, or else of the only one that leaves without such. */
function replacedBy(leaving: readonly MachineSource[], coming: readonly MachineSource[]): Replaced[] {
  const before = leaving.flatMap(({ image }) => image ?? []);
  const now = coming.flatMap(({ image }) => image ?? []);
  const gone = before.filter((path) => !now.includes(path));
  const fresh = now.filter((path) => !before.includes(path));
  const next = gone.length === 1 && fresh.length === 1 ? fresh[0] : undefined;
  return leaving.flatMap((source) => {
    if (source.image === undefined) return [];
    const image = now.includes(source.image) ? source.image : next;
    return image === undefined ? [] : [{ before: source, image }];
  });
}

/** A board has repeated the self-test of its image before it runs it. */
function tested(source: MachineSource): MachineSource {
  return {
    ...source,
    open: async (signal) => {
      const opened = await source.open(signal);
      try {
        if (opened.imagePath !== undefined) await expectSelfTestOf(opened.imagePath, opened.machine, signal);
        return opened;
      } catch (error) {
        await opened.machine.close();
        throw error;
      }
    },
  };
}

async function expectSelfTestOf(path: string, machine: Machine, signal: AbortSignal): Promise<void> {
  const image = await openChecked(path, signal);
  try {
    await expectSelfTest(machine, image.view.manifest, signal);
  } finally {
    image.close();
  }
}
