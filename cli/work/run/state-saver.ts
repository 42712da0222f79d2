/** `run --save-state`: the file with the state of the text, which is there when the run has ended, and not before. */
import { OutputFile } from '../../../model/files/output-file.js';
import { encodeState, type SavedState } from '../../../protocol/state/state-file.js';
import { tokensFed } from '../../../protocol/state/tokens-fed.js';
import type { CommandContext } from '../../command.js';
import type { Output } from '../../output.js';
import { counted } from '../../../protocol/counted.js';

/** After Ctrl-C: a token of a large model takes more than a second, and the state of a board comes over a slow line. */
const TIME_TO_SAVE_MS = 60_000;
/** Then whoever pressed it is told what takes so long. */
const WAITING_MS = 1000;

export class StateSaver {
  readonly #path: string;
  readonly #file: OutputFile;
  readonly #output: Output;
  readonly #stopWatching: () => void;
  #isSaved = false;

  get isSaved(): boolean {
    return this.#isSaved;
  }

  private constructor(path: string, file: OutputFile, { output, signal }: Pick<CommandContext, 'output' | 'signal'>) {
    this.#path = path;
    this.#file = file;
    this.#output = output;
    let timer: NodeJS.Timeout | undefined;
    const tell = (): void => output.note('waiting for the state, to save it; Ctrl-C again ends without it');
    const wait = (): void => void (timer = setTimeout(tell, WAITING_MS));
    signal.addEventListener('abort', wait);
    this.#stopWatching = (): void => {
      signal.removeEventListener('abort', wait);
      clearTimeout(timer);
    };
  }

  /** Before the run, so that it is known that there will be a file. @throws FileError; the operating system's error */
  static async create(
    path: string,
    inputs: readonly string[],
    context: Pick<CommandContext, 'output' | 'signal' | 'takeTimeToEnd'>,
  ): Promise<StateSaver> {
    // What a model was asked and answered is in it.
    const file = await OutputFile.create(path, { inputs, mode: 0o600 });
    context.takeTimeToEnd(TIME_TO_SAVE_MS);
    return new StateSaver(path, file, context);
  }

  /** @throws FileError; the operating system's error */
  async save(saved: SavedState): Promise<void> {
    await this.#file.append(encodeState(saved));
    await this.#file.commit();
    this.#isSaved = true;
    const { position } = saved.state;
    this.#output.note(`saved the state after ${counted(position, 'token')} in ${this.#path}`);
    this.#output.result({ saved_state: this.#path, position });
  }

  /**
   * As {@link save}, with the tokens that led to the state where they are known.
   *
   * @param before the state with which the run began
   * @param tokens what was fed and chosen since then
   */
  async saveAfter(before: SavedState | undefined, tokens: readonly number[], saved: SavedState): Promise<void> {
    const fed = tokensFed(before, tokens, saved.state.position);
    await this.save(fed === undefined ? saved : { ...saved, tokens: fed });
  }

  /** Leaves no trace of a state that was not saved. */
  async close(): Promise<void> {
    this.#stopWatching();
    if (!this.#isSaved) await this.#file.discard();
  }
}
