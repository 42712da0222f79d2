/**
 * Conversations by name: each is a state on the disk, which an answer goes on from and replaces. One answer at a time;
 * an answer that does not come to its end changes nothing.
 */
import { hexOf } from '../../protocol/hex.js';
import { sameBytes } from '../../protocol/little-endian.js';
import { zeroState } from '../../protocol/state/sequence-state.js';
import { StateError } from '../../protocol/state/state-error.js';
import { decodeState, encodeState, expectStateOf, type SavedState } from '../../protocol/state/state-file.js';
import {
  conversationBusy,
  conversationDamaged,
  conversationNotFound,
  conversationOfOtherModel,
  invalidState,
  invalidValue,
} from '../api-error.js';
import type { ServedModel } from '../models/served-model.js';
import { CONVERSATION_ID, type ConversationStore, type StoredFacts } from './store.js';
import { Turn } from './turn.js';

export class Conversations {
  readonly #store: ConversationStore;
  readonly #models: () => readonly ServedModel[];
  /** Those of which an answer, or a change, is under way. */
  readonly #held = new Set<string>();
  /** Machines that computed one since it was begun or brought in, as far as this service has seen it. */
  readonly #machines = new Map<string, Set<string>>();

  /** @param models in service; they may change */
  constructor(store: ConversationStore, models: () => readonly ServedModel[]) {
    this.#store = store;
    this.#models = models;
  }

  get list(): ConversationStore['list'] {
    return this.#store.list;
  }

  /** The bytes of its state file. @throws ApiError `invalid_value`, `conversation_not_found`, `storage_failed` */
  async bytes(id: string): Promise<Uint8Array> {
    this.#expect(id);
    return await this.#store.read(id);
  }

  /** What its state file says. @throws ApiError, also `conversation_damaged` */
  async read(id: string): Promise<SavedState> {
    try {
      return decodeState(await this.bytes(id));
    } catch (error) {
      throw error instanceof StateError ? conversationDamaged(id, error) : error;
    }
  }

  /** Of the file of one that is there. */
  factsOf(id: string): StoredFacts | undefined {
    return this.#store.factsOf(id);
  }

  /** Whether a machine had part in it that computes something wrong. */
  isDoubtful(id: string): boolean {
    const machines = this.#machines.get(id) ?? new Set();
    return this.#models().some(({ scheduler }) => [...scheduler.distrusted].some((name) => machines.has(name)));
  }

  /**
   * Makes one in which nothing has been said; one that is there stays as it is.
   *
   * @returns whether it was made
   * @throws ApiError
   */
  async create(id: string, model: ServedModel): Promise<boolean> {
    return await this.#holding(id, async () => {
      if (this.#store.has(id)) return false;
      const { shape, image } = model;
      const begun = { image: image.sha256, shape, state: zeroState(shape), tokens: new Uint32Array(0) };
      await this.#store.write(id, encodeState(begun));
      return true;
    });
  }

  /**
   * Puts a state file in its place.
   *
   * @returns whether it is a new one
   * @throws ApiError, also `invalid_state`, `conversation_other_model`
   */
  async import(id: string, bytes: Uint8Array): Promise<boolean> {
    return await this.#holding(id, async () => {
      const isNew = !this.#store.has(id);
      this.#modelOf(id, decoded(bytes));
      await this.#store.write(id, bytes);
      this.#machines.delete(id);
      return isNew;
    });
  }

  /** @throws ApiError */
  async delete(id: string): Promise<void> {
    this.#expect(id);
    await this.#holding(id, async () => {
      await this.#store.delete(id);
      this.#machines.delete(id);
    });
  }

  /** Takes a conversation for one answer. Whoever has it ends it. @throws ApiError, also `conversation_busy` */
  async begin(id: string): Promise<Turn> {
    this.#expect(id);
    const letGo = this.#hold(id);
    try {
      const saved = await this.read(id);
      const model = this.#modelOf(id, saved);
      const write: ConstructorParameters<typeof Turn>[3] = async (bytes, machines) => {
        await this.#store.write(id, bytes);
        this.#machines.set(id, new Set([...(this.#machines.get(id) ?? []), ...machines]));
      };
      return new Turn(id, model, saved, write, letGo);
    } catch (error) {
      letGo();
      throw error;
    }
  }

  /** @throws ApiError `conversation_other_model`, `invalid_state` */
  #modelOf(id: string, saved: SavedState): ServedModel {
    const model = this.#models().find(({ image }) => sameBytes(image.sha256, saved.image));
    if (model === undefined) throw conversationOfOtherModel(id, hexOf(saved.image));
    try {
      expectStateOf(saved, model.image.sha256, model.shape);
    } catch (error) {
      throw error instanceof StateError ? invalidState(error) : error;
    }
    return model;
  }

  #expect(id: string): void {
    expectId(id);
    if (!this.#store.has(id)) throw conversationNotFound(id);
  }

  #hold(id: string): () => void {
    expectId(id);
    if (this.#held.has(id)) throw conversationBusy(id);
    this.#held.add(id);
    return () => this.#held.delete(id);
  }

  async #holding<T>(id: string, work: () => Promise<T>): Promise<T> {
    const letGo = this.#hold(id);
    try {
      return await work();
    } finally {
      letGo();
    }
  }
}

/** @throws ApiError `invalid_value` */
function expectId(id: string): void {
  if (CONVERSATION_ID.test(id)) return;
  throw invalidValue('conversation', 'a name has 1 to 64 of a-z, 0-9, "-" and "_", and begins with a letter or digit');
}

/** @throws ApiError `invalid_state` */
function decoded(bytes: Uint8Array): SavedState {
  try {
    return decodeState(bytes);
  } catch (error) {
    throw error instanceof StateError ? invalidState(error) : error;
  }
}
