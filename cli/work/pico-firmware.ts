/** What `pack --uf2` and `virtual-board --pico` put into the flash of a Raspberry Pi Pico. */
import { firmwareTooSmall } from '../../device/board-error.js';
import { RAM, RAM_BYTES } from '../../firmware-host/virtual/pico/bus.js';
import {
  FLASH_BYTES,
  RP2040_LIMITS,
  RP2350_FLASH_BYTES,
  RP2350_LIMITS,
} from '../../firmware-host/virtual/pico/pico-flash.js';
import { loadChecked } from '../../model/check-image.js';
import type { ImageFile } from '../../model/image-file.js';
import { packageFile } from '../../model/package-file.js';
import { misfits, type ChipLimits } from '../../model/program/chip-limits.js';
import { UF2_FAMILY } from '../../protocol/uf2.js';

/** A chip that we have firmware for. */
export interface PicoChip {
  readonly family: keyof typeof UF2_FAMILY;
  readonly name: string;
  /** The flash from its first byte on. */
  readonly firmware: string;
  readonly limits: ChipLimits;
  /** Of the smallest board that we know. */
  readonly flashBytes: number;
  /** What the drive of a board in boot mode is called. */
  readonly drive: string;
  /** Whether its boot ROM would start a flash that begins with this. */
  readonly starts: (firmware: DataView) => boolean;
}

const RP2350_RAM_BYTES = 520 * 1024;
/** Behind the second stage. */
const RP2040_STACK_POINTER_AT = 256;
/** A block that says what the program is for lies so far from the beginning at most. */
const RP2350_BLOCK_WITHIN = 4096;
const RP2350_BLOCK_START = 0xffff_ded3;
/** One word: a program, for the secure state, for Arm, for RP2350. */
const RP2350_PROGRAM = 0x1021_0142;

export const RP2040: PicoChip = {
  family: 'rp2040',
  name: 'RP2040',
  firmware: packageFile('firmware/prebuilt/rp2040.bin'),
  limits: RP2040_LIMITS,
  flashBytes: FLASH_BYTES,
  drive: 'RPI-RP2',
  starts: (firmware) => hasStackPointer(firmware, RP2040_STACK_POINTER_AT, RAM_BYTES),
};

export const RP2350: PicoChip = {
  family: 'rp2350',
  name: 'RP2350',
  firmware: packageFile('firmware/prebuilt/rp2350.bin'),
  limits: RP2350_LIMITS,
  flashBytes: RP2350_FLASH_BYTES,
  drive: 'RP2350',
  starts: (firmware) => hasStackPointer(firmware, 0, RP2350_RAM_BYTES) && saysItIsForRp2350(firmware),
};

/**
 * An image in memory, checked, and which of these chips have room for it.
 *
 * @throws BoardError if none of them has; ImageError; the signal's reason
 */
export async function loadForPico(
  path: string,
  chips: readonly PicoChip[],
  signal: AbortSignal,
): Promise<{ readonly image: ImageFile; readonly fitting: readonly PicoChip[] }> {
  const image = await loadChecked(path, signal);
  return { image, fitting: fittingChips(image, chips) };
}

/** Which of these chips have room for an image. @throws BoardError if none of them has */
export function fittingChips({ view }: ImageFile, chips: readonly PicoChip[]): readonly PicoChip[] {
  const { fileLength, shape, manifest } = view;
  const problems = new Map(chips.map((chip) => [chip, misfits(chip.limits, shape, fileLength)]));
  const fitting = chips.filter((chip) => problems.get(chip)!.length === 0);
  const last = chips.at(-1)!;
  if (fitting.length === 0) throw firmwareTooSmall(last.limits.name, manifest.name, problems.get(last)!);
  return fitting;
}

function hasStackPointer(firmware: DataView, at: number, ramBytes: number): boolean {
  const stack = firmware.byteLength >= at + 4 ? firmware.getUint32(at, true) : 0;
  return stack > RAM && stack <= RAM + ramBytes;
}

function saysItIsForRp2350(firmware: DataView): boolean {
  for (let at = 0; at + 8 <= Math.min(firmware.byteLength, RP2350_BLOCK_WITHIN); at += 4) {
    const isBlock = firmware.getUint32(at, true) === RP2350_BLOCK_START;
    if (isBlock && firmware.getUint32(at + 4, true) === RP2350_PROGRAM) return true;
  }
  return false;
}
