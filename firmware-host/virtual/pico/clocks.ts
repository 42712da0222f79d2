/**
 * The clock of the processors, in what rp2040js makes of crystal and PLL: how much time cycles take, and an Error where
 * a chip would not do what its data sheet says (RP2040 data sheet, 2.10.3, 2.18.2; 200 MHz: pico-sdk, from 2.1.1 on).
 */

import { BasePeripheral, type RP2040 } from 'rp2040js';

const REGULATOR = 0x40064;
/** 1.10 V, as after a reset; a step is 0.05 V. */
const REGULATOR_RESET = 0xb1;
const SELECT_1_15_V = 12;
const MOST_HZ_AT_1_10_V = 133e6;
const MOST_HZ = 200e6;
const VCO_HZ = { least: 750e6, most: 1600e6 } as const;

export class Clocks {
  readonly #chip: RP2040;
  /** When the rate was set: cycle and nanosecond. */
  #since = { cycle: 0, ns: 0 };
  #hz: number;

  constructor(chip: RP2040) {
    this.#chip = chip;
    this.#hz = chip.clkSys;
    const regulator = new Register(chip);
    chip.peripherals[REGULATOR] = regulator;
    chip.addClockListener((hz) => {
      const { fbdiv, refdiv } = chip.pllSys;
      const vcoHz = (chip.xoscFreq / refdiv) * fbdiv;
      const isByPll = hz > chip.xoscFreq;
      if (isByPll && (vcoHz < VCO_HZ.least || vcoHz > VCO_HZ.most))
        throw new Error(`the PLL does not run at ${vcoHz} Hz`);
      if (hz > (regulator.value >> 4 < SELECT_1_15_V ? MOST_HZ_AT_1_10_V : MOST_HZ)) {
        throw new Error(`the voltage of the core is too low for ${hz / 1e6} MHz`);
      }
      this.#since = { cycle: chip.core.cycles, ns: this.nanoseconds };
      this.#hz = hz;
    });
  }

  /** How long a cycle is now. */
  get cycleNs(): number {
    return 1e9 / this.#hz;
  }

  /** Since the start, by the cycles of the first processor. */
  get nanoseconds(): number {
    return this.#since.ns + (this.#chip.core.cycles - this.#since.cycle) * this.cycleNs;
  }
}

/** The regulator, whose output is what was written at once. */
class Register extends BasePeripheral {
  value = REGULATOR_RESET;

  constructor(chip: RP2040) {
    super(chip, 'VREG');
  }

  override readUint32(offset: number): number {
    return offset === 0 ? this.value : 0;
  }

  override writeUint32(offset: number, value: number): void {
    if (offset === 0) this.value = value & 0xff;
  }
}
