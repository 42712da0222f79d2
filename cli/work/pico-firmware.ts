/** What `pack --uf2` and `virtual-board --pico` put into the flash of a Raspberry Pi Pico. */
import { firmwareTooSmall } from '../../device/board-error.js';
import { RP2040_LIMITS } from '../../firmware-host/virtual/pico/pico-flash.js';
import { loadChecked } from '../../model/check-image.js';
import type { ImageFile } from '../../model/image-file.js';
import { packageFile } from '../../model/package-file.js';
import { misfits } from '../../model/program/chip-limits.js';

/** The flash from its first byte on: second stage, vectors, program. */
export const PICO_FIRMWARE = packageFile('firmware/prebuilt/rp2040.bin');

/**
 * An image in memory, checked.
 *
 * @throws BoardError if the firmware has no room for it; ImageError; the signal's reason
 */
export async function loadForPico(path: string, signal: AbortSignal): Promise<ImageFile> {
  const image = await loadChecked(path, signal);
  const { fileLength, shape, manifest } = image.view;
  const problems = misfits(RP2040_LIMITS, shape, fileLength);
  if (problems.length > 0) throw firmwareTooSmall(RP2040_LIMITS.name, manifest.name, problems);
  return image;
}
