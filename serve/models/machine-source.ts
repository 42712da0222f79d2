/** Where a machine of the service comes from. */
import type { OpenedMachine } from '../../engine/opened-machine.js';

export interface MachineSource {
  /** For people. */
  readonly name: string;
  /** The same for the same machine with, where that is chosen here, the same image. */
  readonly key: string;
  /** @throws what the engine throws */
  open(signal: AbortSignal): Promise<OpenedMachine>;
}
