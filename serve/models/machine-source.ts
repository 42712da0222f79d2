/** Where a machine of the service comes from. */
import type { OpenedMachine } from '../../engine/opened-machine.js';

export interface MachineSource {
  /** For people. */
  readonly name: string;
  /** The same for the same machine with, where that is chosen here, the same image. */
  readonly key: string;
  /** @throws what the engine throws */
  open(signal: AbortSignal): Promise<OpenedMachine>;
  /** Path of the image, where that is chosen here. */
  readonly image?: string;
  /** What can be done at it while it is not open, where it keeps an image of its own. */
  readonly board?: SourceBoard;
}

export interface SourceBoard {
  /**
   * Brings an image onto it, which runs when it has passed its self-test; else the one from before does.
   *
   * @throws what the engine throws
   */
  flash(image: string, signal: AbortSignal): Promise<void>;
  /** The image from before runs again. @throws what the engine throws */
  revert(signal: AbortSignal): Promise<void>;
}
