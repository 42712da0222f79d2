/**
 * A board like the iCEBreaker, put together: an FT2232H, on its channel A a SPI flash and an FPGA that starts from it.
 */

import type { FlashStore } from '../../firmware/flash/flash-store.js';
import type { SpiFlashTiming } from '../spi-flash/flash-cells.js';
import { SpiFlash } from '../spi-flash/spi-flash.js';
import { FpgaBoard } from './fpga-board.js';
import { Ft2232h } from './ft2232h.js';
import type { Ft2232hOptions } from './ft2232h.js';
import { Timeline } from './timeline.js';

export interface VirtualFpgaBoardOptions extends Omit<Ft2232hOptions, 'names' | 'pins' | 'time' | 'onUnplug'> {
  readonly serial: string;
  /** What the flash holds: 64 KiB to 16 MiB, a power of two. */
  readonly store: FlashStore;
  /** Typical times if absent. */
  readonly timing?: SpiFlashTiming;
  /** Whether the design in the FPGA reads the flash in continuous mode all the time. */
  readonly readsOn?: boolean;
  /** Whether the WP# pin of the flash is low. */
  readonly isWpLow?: boolean;
  /** Of the flash, as its JEDEC identity numbers makers; Winbond if absent. */
  readonly maker?: number;
}

/** Names of a chip whose EEPROM nobody has written, but for the serial number. */
const NAMES = { manufacturer: 'FTDI', product: 'Dual RS232-HS' } as const;

export class VirtualFpgaBoard {
  readonly device: Ft2232h;
  readonly fpga: FpgaBoard;
  readonly flash: SpiFlash;
  /** Of the flash and the FPGA: ahead of the computer's by the clocks that were sent. */
  readonly time: Timeline;
  #unplugs = 0;

  /** @throws RangeError for a flash of a size that there is not, or a serial number that is too long */
  constructor({ serial, ...options }: VirtualFpgaBoardOptions) {
    this.time = new Timeline(options.now);
    const { now } = this.time;
    this.flash = new SpiFlash({ ...options, now });
    this.fpga = new FpgaBoard({ ...options, flash: this.flash, now });
    this.device = new Ft2232h({
      ...options,
      names: { ...NAMES, serial },
      pins: this.fpga,
      time: this.time,
      onUnplug: () => {
        this.time.catchUp();
        this.fpga.powerCycle(++this.#unplugs);
      },
    });
  }
}
