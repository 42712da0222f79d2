/** A virtual board's way onto USB, whichever it is. */

import type { Peripheral } from '../../../firmware-host/board-program.js';
import type { GadgetOptions } from '../../../firmware-host/virtual/gadget/gadget-board.js';
import type { JsonObject } from '../../output.js';

/** A way onto USB that was opened. */
export interface BoardUsb {
  readonly peripheral: Peripheral;
  /** How hosts come to it. */
  readonly text: string;
  /** For `--board`, if it is reached without a driver. */
  readonly address?: string;
  readonly note?: string;
  /** For JSON. */
  readonly facts: JsonObject;
  readonly close: () => Promise<void>;
}

export type BoardUsbOptions = Omit<GadgetOptions, 'controller'>;
