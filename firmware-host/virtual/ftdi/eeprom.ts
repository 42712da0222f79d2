/**
 * What the EEPROM of an FT2232H holds: the fields that libftdi and the kernel read, and the checksum over all of it.
 * The layout is nowhere published; this is what libftdi 1.5 (`ftdi_eeprom_decode`) takes it for.
 */

import { u16 } from '../../firmware/usb/descriptor-bytes.js';
import { FT2232H_PRODUCT, FT2232H_RELEASE, FTDI_VENDOR } from './ftdi-descriptors.js';
import type { FtdiNames } from './ftdi-descriptors.js';

/** A 93C56: 128 words. */
const BYTES = 256;
/** Behind the fields of every chip of the series. */
const STRINGS_OFFSET = 0x1a;
const STRING_DESCRIPTOR = 3;
const BUS_POWERED = 0x80;
/** In units of 2 mA. */
const MAX_POWER = 250;
const USES_SERIAL = 1 << 3;
const CHIP_93C56 = 0x56;
const CHECKSUM_START = 0xaaaa;

/** @returns 256 bytes @throws RangeError if the names are too long for it */
export function eepromOf({ manufacturer, product, serial }: FtdiNames): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  bytes.set([0, 0, ...u16(FTDI_VENDOR), ...u16(FT2232H_PRODUCT), ...u16(FT2232H_RELEASE), BUS_POWERED, MAX_POWER]);
  bytes[0x0a] = USES_SERIAL;
  bytes[0x18] = CHIP_93C56;
  let at = STRINGS_OFFSET;
  for (const [index, text] of [manufacturer, product, serial].entries()) {
    const descriptor = [2 + 2 * text.length, STRING_DESCRIPTOR, ...Buffer.from(text, 'utf16le')];
    if (at + descriptor.length > BYTES - 2) throw new RangeError('the names are too long for the EEPROM');
    // A pointer into this half of the memory has its highest bit set.
    bytes.set([at | 0x80, descriptor.length], 0x0e + 2 * index);
    bytes.set(descriptor, at);
    at += descriptor.length;
  }
  bytes.set(u16(checksum(bytes)), BYTES - 2);
  return bytes;
}

/** Over all words but the last. */
function checksum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer);
  let sum = CHECKSUM_START;
  for (let at = 0; at < BYTES - 2; at += 2) {
    const mixed = view.getUint16(at, true) ^ sum;
    sum = ((mixed << 1) | (mixed >> 15)) & 0xffff;
  }
  return sum;
}
