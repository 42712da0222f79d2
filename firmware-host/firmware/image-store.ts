/**
 * The images on a board: which one runs, and every change of that, so ordered that a power cut at any instant leaves an
 * image to start. All work comes in steps of a few milliseconds (generators), between which the board serves its link.
 */

import { selfTestStream } from '../../model/machine/self-test.js';
import { IntegerModel } from '../../model/integer/integer-model.js';
import { readModelWeights, residentBytes } from '../../model/integer/model-weights.js';
import type { ModelWeights } from '../../model/integer/model-weights.js';
import { Sampler } from '../../model/integer/sampler.js';
import type { ByteSource } from '../../protocol/byte-source.js';
import type { ImageView } from '../../protocol/image/image-reader.js';
import type { ModelSections, SectionName } from '../../protocol/image/model-shape.js';
import { checkedImage } from './acceptance.js';
import type { AcceptancePolicy } from './acceptance.js';
import { BootTable } from './flash/boot-table.js';
import { FlashFailure } from './flash/nor-flash.js';
import type { NorFlash } from './flash/nor-flash.js';
import { Slots } from './flash/slots.js';
import { Refusal } from './refusal.js';

/** What the firmware asks of whatever computes tokens: the reference, or kernels. One state, between steps. */
export type BoardModel = Pick<
  IntegerModel,
  'shape' | 'logits' | 'step' | 'stepWithTaps' | 'receipt' | 'reset' | 'readState' | 'writeState'
>;

export type MakeModel = (sections: ModelSections) => BoardModel | undefined;

/** A model that runs. */
export interface RunningImage {
  readonly slot: number;
  readonly view: ImageView;
  readonly source: ByteSource;
  readonly model: BoardModel;
  readonly sampler: Sampler;
  /** Whether it was seen to compute the right tokens. */
  readonly confirmed: boolean;
}

export interface ImageStoreOptions {
  readonly flash: NorFlash;
  readonly slots: 1 | 2;
  readonly policy: AcceptancePolicy;
  /**
   * What computes, made of the sections of an image that was checked; the reference where it is absent or gives
   * undefined.
   */
  readonly makeModel?: MakeModel | undefined;
  /** For tests of conformance tests: changes weights after they were checked. */
  readonly damage?: (weights: ModelWeights) => void;
}

export class ImageStore {
  readonly slots: Slots;
  readonly policy: AcceptancePolicy;
  readonly #table: BootTable;
  readonly #makeModel: MakeModel | undefined;
  readonly #damage: (weights: ModelWeights) => void;
  #running: RunningImage | undefined;

  constructor({ flash, slots, policy, makeModel, damage }: ImageStoreOptions) {
    this.slots = new Slots(flash, slots);
    this.policy = policy;
    this.#table = new BootTable(flash);
    // Damage is done to the weights as the reference has them.
    this.#makeModel = damage === undefined ? makeModel : undefined;
    this.#damage = damage ?? ((): void => {});
  }

  get running(): RunningImage | undefined {
    return this.#running;
  }

  /** Where the next image goes: the slot that does not run. */
  get target(): number {
    return this.slots.count === 2 && this.#running?.slot === 0 ? 1 : 0;
  }

  /**
   * Starts an image: the one in the boot table, or else one in the other slot. What is not known to compute the right
   * tokens must first pass its self-test.
   */
  *boot(): Generator<void, void> {
    const entry = this.#table.read();
    const first = entry !== undefined && entry.slot < this.slots.count ? entry.slot : 0;
    for (let offset = 0; offset < this.slots.count; offset++) {
      const slot = (first + offset) % this.slots.count;
      if (yield* this.#startTested(slot, entry?.confirmed === true && slot === entry.slot)) return;
    }
  }

  /**
   * Starts what was just written, not confirmed. Until it is, a restart makes it pass its self-test.
   *
   * @throws Refusal if it is damaged; nothing has changed then
   */
  *switchTo(slot: number): Generator<void, void> {
    const image = yield* this.#load(slot);
    this.#table.write({ slot, confirmed: false });
    this.#running = image;
  }

  /**
   * Loads the image in a slot and makes it pass its self-test; nothing changes.
   *
   * @returns what {@link adopt} takes
   * @throws Refusal if it is damaged or fails
   */
  *tryOut(slot: number): Generator<void, RunningImage> {
    const image = yield* this.#load(slot);
    if (!(yield* passesSelfTest(image))) throw new Refusal('imageDamaged');
    return image;
  }

  /** Starts an image that was tried out, confirmed, also from the next restart on. @throws FlashFailure */
  adopt(image: RunningImage): void {
    this.#table.write({ slot: image.slot, confirmed: true });
    this.#running = { ...image, confirmed: true };
  }

  /** The running image computes the right tokens. @throws Refusal if there is none */
  confirm(): void {
    if (this.#running === undefined) throw new Refusal('noImage');
    this.#table.write({ slot: this.#running.slot, confirmed: true });
    this.#running = { ...this.#running, confirmed: true };
  }

  /** Goes back to the image in the other slot. @throws Refusal if there is none that starts */
  *revert(): Generator<void, void> {
    const other = this.slots.count === 2 ? this.target : undefined;
    if (other === undefined || !(yield* this.#startTested(other, false))) throw new Refusal('noImage');
  }

  /** Stops the model that runs from `slot`, which is about to be erased. */
  vacate(slot: number): void {
    if (this.#running?.slot === slot) this.#running = undefined;
  }

  /** Starts the image in a slot if it is sound, and makes it the one to boot. False if it is not. */
  *#startTested(slot: number, isConfirmed: boolean): Generator<void, boolean> {
    let image: RunningImage;
    try {
      image = yield* isConfirmed ? this.#load(slot) : this.tryOut(slot);
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
    try {
      this.adopt(image);
    } catch (error) {
      if (!(error instanceof FlashFailure)) throw error;
      // It runs all the same, and is tested again at the next start.
      this.#running = image;
    }
    return true;
  }

  *#load(slot: number): Generator<void, RunningImage> {
    const { view, source } = yield* checkedImage(this.slots.source(slot), this.policy);
    const section = (name: SectionName): Uint8Array => {
      const { offset, length } = view.sections[name];
      return source.read(offset, length);
    };
    const { shape } = view;
    const sections = {
      shape,
      tables: section('tables'),
      vectors: section('vectors'),
      embedding: section('embedding'),
      ternary: section('ternary'),
    };
    const weights = readModelWeights(residentBytes(sections));
    this.#damage(weights);
    const model = this.#makeModel?.(sections) ?? new IntegerModel(weights);
    return { slot, view, source, model, sampler: new Sampler(weights.exp2), confirmed: false };
  }
}

/** Whether a model repeats what its packer recorded; a token a step. Leaves its state at zero. */
function* passesSelfTest({ model, view }: RunningImage): Generator<void, boolean> {
  const { tokens, receipts } = selfTestStream(view.manifest);
  for (const [position, token] of tokens.entries()) {
    model.step(token);
    if (model.receipt() !== receipts[position]) return false;
    yield;
  }
  model.reset();
  return true;
}
