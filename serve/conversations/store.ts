/**
 * Conversations on the disk: a folder with one state file each (docs/STATE.md), `ID.mmfs`.
 *
 * A state is written beside its place, flushed, renamed into its place, and the folder is flushed: only then is it
 * acknowledged. So whenever the power goes, each file is whole, and at least as new as what was acknowledged. One
 * service has the folder at a time (`state-folder.ts`).
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { conversationsFull, storageFailed } from '../api-error.js';
import { DISK, type FileOperations, type FoundFile } from './file-operations.js';

/** Bounds; they may change while it is open. */
export interface StoreLimits {
  readonly conversations: number;
  /** Of all of them. */
  readonly conversationBytes: number;
}

/** Of a conversation, without reading it. */
export type StoredFacts = Omit<FoundFile, 'name'>;

const ENDING = '.mmfs';
/** Of files that are not whole; what is left of them is taken away at the next start. */
const TEMPORARY = '.mmfree-';

/**
 * Safe as the name of a file on every system that there is: no path, nothing hidden, no two that differ in case only.
 */
export const CONVERSATION_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/;

export class ConversationStore {
  readonly #folder: string;
  readonly #limits: () => StoreLimits;
  readonly #files: FileOperations;
  readonly #known: Map<string, StoredFacts>;

  private constructor(
    folder: string,
    limits: () => StoreLimits,
    files: FileOperations,
    known: ConversationStore['list'],
  ) {
    this.#folder = folder;
    this.#limits = limits;
    this.#files = files;
    this.#known = new Map(known);
  }

  /** @param folder made if it is not there @throws the operating system's error */
  static async open(
    folder: string,
    limits: () => StoreLimits,
    files: FileOperations = DISK,
  ): Promise<ConversationStore> {
    await files.makeFolder(folder);
    const known: [string, StoredFacts][] = [];
    for (const { name, ...facts } of await files.list(folder)) {
      if (name.startsWith(TEMPORARY)) await files.remove(join(folder, name));
      const id = name.slice(0, -ENDING.length);
      if (name.endsWith(ENDING) && CONVERSATION_ID.test(id)) known.push([id, facts]);
    }
    return new ConversationStore(folder, limits, files, known);
  }

  get list(): readonly (readonly [id: string, facts: StoredFacts])[] {
    return [...this.#known];
  }

  /** Undefined if there is none. */
  factsOf(id: string): StoredFacts | undefined {
    return this.#known.get(id);
  }

  has(id: string): boolean {
    return this.#known.has(id);
  }

  /** @param id of one that is there @throws ApiError `storage_failed` */
  async read(id: string): Promise<Uint8Array> {
    return await this.#trying(async () => await this.#files.read(this.#pathOf(id)));
  }

  /**
   * Resolves when it is there to stay. One at a time for each conversation.
   *
   * @throws ApiError `conversations_full`: nothing has changed; `storage_failed`: the old one is there, or the new one
   */
  async write(id: string, bytes: Uint8Array): Promise<void> {
    const before = this.#known.get(id);
    this.#expectRoom(bytes.length - (before?.bytes ?? 0), before === undefined ? 1 : 0);
    this.#known.set(id, { bytes: bytes.length, changedMs: Date.now() });
    const temporary = join(this.#folder, TEMPORARY + randomBytes(8).toString('hex'));
    let isInPlace = false;
    try {
      await this.#trying(async () => {
        const file = await this.#files.create(temporary);
        try {
          await file.write(bytes);
          await file.sync();
        } finally {
          await file.close();
        }
        await this.#files.rename(temporary, this.#pathOf(id));
        isInPlace = true;
        await this.#files.syncFolder(this.#folder);
      });
    } catch (error) {
      if (!isInPlace) {
        if (before === undefined) this.#known.delete(id);
        else this.#known.set(id, before);
        await this.#files.remove(temporary).catch(() => {});
      }
      throw error;
    }
  }

  /** Resolves when it is gone for good. @param id of one that is there @throws ApiError `storage_failed` */
  async delete(id: string): Promise<void> {
    await this.#trying(async () => {
      await this.#files.remove(this.#pathOf(id));
      this.#known.delete(id);
      await this.#files.syncFolder(this.#folder);
    });
  }

  #pathOf(id: string): string {
    return join(this.#folder, id + ENDING);
  }

  #expectRoom(moreBytes: number, more: number): void {
    const { conversations, conversationBytes } = this.#limits();
    const bytes = [...this.#known.values()].reduce((sum, facts) => sum + facts.bytes, 0);
    if (more > 0 && this.#known.size + more > conversations) throw conversationsFull(`${conversations} conversations`);
    if (moreBytes > 0 && bytes + moreBytes > conversationBytes) throw conversationsFull(`${conversationBytes} bytes`);
  }

  async #trying<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw storageFailed(cause);
    }
  }
}
