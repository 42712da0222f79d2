/** What `mmfree virtual-board` is told. */

import type { SimulatedChipName } from '../../../firmware-host/virtual/simulated-chips/simulated-chips.js';
import type { BoardUsbInput } from './usb.js';
import type { BoardWiresInput } from './wires.js';

export interface VirtualBoardInput extends BoardUsbInput, BoardWiresInput {
  readonly rtl: SimulatedChipName | undefined;
  readonly rtlStats: string | undefined;
  /** A UF2 file, or `shipped`: what comes with the program. */
  readonly pico: string | undefined;
  /** Whether that is in boot mode first. */
  readonly boot: boolean;
  readonly serialNumber: string | undefined;
  readonly flashFile: string | undefined;
  readonly flashMib: number;
  readonly slots: '1' | '2';
  readonly image: string | undefined;
  readonly signer: string | undefined;
  readonly minimumRevision: number;
  readonly maxHidden: number | undefined;
  readonly window: number;
  readonly faults: readonly string[];
}
