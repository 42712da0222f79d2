/** A conversation during one answer. */
import type { HeldText, SavedState } from '../../protocol/state/state-file.js';
import { encodeState } from '../../protocol/state/state-file.js';
import { tokensFed } from '../../protocol/state/tokens-fed.js';
import type { ServedModel } from '../models/served-model.js';
import type { Job } from '../scheduler/job.js';

export class Turn {
  readonly id: string;
  readonly model: ServedModel;
  /** With what it begins. */
  readonly saved: SavedState;
  /** Tokens that it has after this answer, when that is kept. */
  position: number | undefined;
  readonly #write: (bytes: Uint8Array, machines: ReadonlySet<string>) => Promise<void>;
  readonly #letGo: () => void;
  #writing: Promise<void> = Promise.resolve();
  #isEnded = false;

  /**
   * @param write resolves when it is there for good, told which machines computed it
   * @param letGo lets others have it
   */
  constructor(
    id: string,
    model: ServedModel,
    saved: SavedState,
    write: (bytes: Uint8Array, machines: ReadonlySet<string>) => Promise<void>,
    letGo: () => void,
  ) {
    this.id = id;
    this.model = model;
    this.saved = saved;
    this.#write = write;
    this.#letGo = letGo;
  }

  /** Whether there is text in it. */
  get goesOn(): boolean {
    return this.saved.state.position > 0;
  }

  /**
   * Resolves when the conversation is the one behind a job, for good; nothing happens if the job was aborted.
   *
   * @param held of its text
   * @throws what the job failed with; ApiError `conversations_full`, `storage_failed`
   */
  async keep(job: Job, held: HeldText | undefined): Promise<void> {
    await job.ended();
    const { final: state, work, given } = job;
    if (state === undefined) return;
    const { image, shape } = this.model;
    const tokens = tokensFed(this.saved, [...work.prompt, ...given.map(({ id }) => id)], state.position);
    const writing = this.#write(
      encodeState({
        image: image.sha256,
        shape,
        state,
        sampler: work.sampler,
        ...(held && { held }),
        ...(tokens && { tokens }),
      }),
      new Set(given.map(({ machine }) => machine)),
    );
    this.#writing = writing.catch(() => {});
    await writing;
    this.position = state.position;
  }

  /** Lets others have it, when nothing is written any more. */
  end(): void {
    if (!this.#isEnded) void this.#writing.then(this.#letGo);
    this.#isEnded = true;
  }
}
