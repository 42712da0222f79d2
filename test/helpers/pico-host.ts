/** A host of one thread for an emulated Pico. */

import { PicoChip } from '../../firmware-host/virtual/pico/pico-chip.js';
import type { FlashStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { ChipHost } from './chip-host.js';

const BYTE_NS = 8000;
/** Of the memory: firmware/ports/rp2040/rp2040.ld. */
const STACK_TOP = 256 * 1024;
/** So much that was never used is no gap in a frame. */
const UNUSED_BYTES = 4096;

export class PicoHost extends ChipHost<PicoChip> {
  constructor(flash: FlashStore) {
    super((onUart) => new PicoChip({ flash, onUart, nanosecondsPerByte: BYTE_NS }));
  }

  /** How deep the stack of the first processor was, so far: below it memory is 0 until the firmware uses it. */
  get stackBytes(): number {
    const { ram } = this.chip;
    let deepest = STACK_TOP;
    for (let at = STACK_TOP; at > 0 && deepest - at < UNUSED_BYTES; at -= 4) {
      if (ram.subarray(at - 4, at).some((byte) => byte !== 0)) deepest = at - 4;
    }
    return STACK_TOP - deepest;
  }
}
