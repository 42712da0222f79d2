/** What a factory does: puts an image into the first slot of a flash and makes it the one to start. */

import type { ByteSource } from '../../protocol/byte-source.js';
import { BootTable } from './flash/boot-table.js';
import type { NorFlash } from './flash/nor-flash.js';
import { Slots } from './flash/slots.js';

/** @param image whole and checked; fits a slot */
export function installImage(flash: NorFlash, slotCount: 1 | 2, image: ByteSource): void {
  const slots = new Slots(flash, slotCount);
  for (let offset = 0; offset < image.length; offset += flash.sectorBytes) {
    slots.eraseSector(0, offset);
    slots.program(0, offset, image.read(offset, Math.min(flash.sectorBytes, image.length - offset)).slice());
  }
  new BootTable(flash).write({ slot: 0, confirmed: true });
  // Nobody waits in a factory.
  flash.takeSpentMs();
}
