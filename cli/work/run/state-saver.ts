/** `run --save-state`: the file with the state of the text, which is there when the run has ended, and not before. */
import { OutputFile } from '../../../model/files/output-file.js';
import { encodeState, MAX_STATE_TOKENS, type SavedState } from '../../../protocol/state/state-file.js';
import type { CommandContext } from '../../command.js';
import type { Output } from '../../output.js';

/** After Ctrl-C: a token of a large model takes more than a second, and the state of a board comes over a slow line. */
const TIME_TO_SAVE_MS = 60_000;

export class StateSaver {
  readonly #path: string;
  readonly #file: OutputFile;
  readonly #output: Output;
  #isSaved = false;

  private constructor(path: string, file: OutputFile, output: Output) {
    this.#path = path;
    this.#file = file;
    this.#output = output;
  }

  /** Before the run, so that it is known that there will be a file. @throws FileError; the operating system's error */
  static async create(
    path: string,
    inputs: readonly string[],
    { output, takeTimeToEnd }: Pick<CommandContext, 'output' | 'takeTimeToEnd'>,
  ): Promise<StateSaver> {
    // What a model was asked and answered is in it.
    const file = await OutputFile.create(path, { inputs, mode: 0o600 });
    takeTimeToEnd(TIME_TO_SAVE_MS);
    return new StateSaver(path, file, output);
  }

  /** @throws FileError; the operating system's error */
  async save(saved: SavedState): Promise<void> {
    await this.#file.handle.writeFile(encodeState(saved));
    await this.#file.commit();
    this.#isSaved = true;
    const { position } = saved.state;
    this.#output.note(`saved the state after ${position} ${position === 1 ? 'token' : 'tokens'} in ${this.#path}`);
    this.#output.result({ saved_state: this.#path, position });
  }

  /** Leaves no trace of a state that was not saved. */
  async close(): Promise<void> {
    if (!this.#isSaved) await this.#file.discard();
  }
}

/**
 * All tokens that were fed, for those who want to check a state; undefined where an earlier run did not tell its own, or for very many.
 *
 * @param saved the state with which the run began
 * @param tokens what was fed and chosen since then
 * @param position how many are fed
 */
export function tokensFed(
  saved: SavedState | undefined,
  tokens: readonly number[],
  position: number,
): Uint32Array | undefined {
  if (position > MAX_STATE_TOKENS) return undefined;
  const { state, tokens: before = new Uint32Array(0) } = saved ?? {};
  if (before.length !== (state?.position ?? 0)) return undefined;
  const chosen = state?.chosen === undefined ? [] : [state.chosen];
  return Uint32Array.from([...before, ...chosen, ...tokens].slice(0, position));
}
