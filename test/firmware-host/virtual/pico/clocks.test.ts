/** The clock that firmware sets: RP2040 data sheet, 2.10.3, 2.15, 2.18. */

import { RP2040, Simulator } from 'rp2040js';
import { beforeEach, describe, expect, it } from 'vitest';
import { Clocks } from '../../../../firmware-host/virtual/pico/clocks.js';

const [REGULATOR, PLL_FEEDBACK, PLL_DIVIDERS] = [0x4006_4000, 0x4002_8008, 0x4002_800c];
const [REF_CONTROL, SYS_CONTROL] = [0x4000_8030, 0x4000_803c];
const BY_CRYSTAL = 2;
const BY_PLL = 1;
const VOLTS_1_15 = 0xc1;

describe('the clock of an emulated RP2040', () => {
  let chip: RP2040;
  let clocks: Clocks;
  beforeEach(() => {
    chip = new RP2040(new Simulator().clock);
    clocks = new Clocks(chip);
  });

  /** @param dividers behind its VCO */
  function goBy(feedback: number, ...dividers: [number, number]): void {
    chip.writeUint32(REF_CONTROL, BY_CRYSTAL);
    chip.writeUint32(PLL_FEEDBACK, feedback);
    chip.writeUint32(PLL_DIVIDERS, (dividers[0] << 16) | (dividers[1] << 12));
    chip.writeUint32(SYS_CONTROL, BY_PLL);
  }

  it.each([
    [125, 125, 6, 2, 0xb1],
    [200, 100, 6, 1, VOLTS_1_15],
  ])('is %i MHz where PLL and voltage are set so', (mhz, feedback, first, second, regulator) => {
    chip.writeUint32(REGULATOR, regulator);
    goBy(feedback, first, second);
    expect(clocks.cycleNs).toBe(1000 / mhz);
  });

  it('counts the cycles before at the rate that they had', () => {
    chip.writeUint32(REF_CONTROL, BY_CRYSTAL);
    chip.core.cycles += 12;
    const before = clocks.nanoseconds;
    goBy(125, 6, 2);
    expect(clocks.nanoseconds).toBe(before);
    chip.core.cycles += 125;
    expect(clocks.nanoseconds - before).toBeCloseTo(1000, 6);
  });

  it.each([
    ['200 MHz at the usual voltage', 100, 6, 1, 0xb1, 'voltage of the core is too low for 200 MHz'],
    ['more than any voltage is for', 125, 5, 1, VOLTS_1_15, 'too low for 300 MHz'],
    ['a PLL that is too slow', 50, 4, 1, VOLTS_1_15, 'the PLL does not run at 600000000 Hz'],
    ['a PLL that is too fast', 150, 6, 3, VOLTS_1_15, 'the PLL does not run at 1800000000 Hz'],
  ])('is refused: %s', (_, feedback, first, second, regulator, why) => {
    chip.writeUint32(REGULATOR, regulator);
    expect(() => goBy(feedback, first, second)).toThrow(why);
  });
});
