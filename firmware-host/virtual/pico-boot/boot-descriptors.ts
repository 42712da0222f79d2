/**
 * What the boot ROM of an RP2040 or RP2350 says about itself on USB, where its drive is switched off, as firmware can
 * ask for when it restarts into the ROM (RP2040 data sheet, 2.8.5 and 2.8.3.1.2): PICOBOOT is its only interface then.
 */

import { concat, descriptor, u16, utf16 } from '../../firmware/usb/descriptor-bytes.js';
import { DESCRIPTOR } from '../../firmware/usb/descriptors.js';
import type { StandardDescriptors } from '../../firmware/usb/descriptors.js';

export type BootChip = 'rp2040' | 'rp2350';

export const BOOT_VENDOR = 0x2e8a;
export const BOOT_PRODUCT: Readonly<Record<BootChip, number>> = { rp2040: 0x0003, rp2350: 0x000f };
/** On every RP2040: it is that of the ROM. */
export const BOOT_SERIAL = 'E0C9125B0D9B';
export const BOOT_INTERFACE = 0;
export const BOOT_OUT = 0x03;
export const BOOT_IN = 0x84;

const USB_VERSION = 0x0110;
const RELEASE = 0x0100;
const PACKET_BYTES = 64;
const VENDOR_SPECIFIC = [0xff, 0, 0];
const BULK = 2;
const BUS_POWERED = 0x80;
/** In units of 2 mA. */
const MAX_POWER = 250;
const US_ENGLISH = 0x0409;
const NOTHING = new Uint8Array(0);

export function bootDescriptors(chip: BootChip): StandardDescriptors {
  const ids = [...u16(BOOT_VENDOR), ...u16(BOOT_PRODUCT[chip]), ...u16(RELEASE)];
  const strings = ['Raspberry Pi', chip === 'rp2040' ? 'RP2 Boot' : 'RP2350 Boot', BOOT_SERIAL];
  const interfaces = concat(
    descriptor(DESCRIPTOR.interface, BOOT_INTERFACE, 0, 2, ...VENDOR_SPECIFIC, 0),
    descriptor(DESCRIPTOR.endpoint, BOOT_OUT, BULK, ...u16(PACKET_BYTES), 0),
    descriptor(DESCRIPTOR.endpoint, BOOT_IN, BULK, ...u16(PACKET_BYTES), 0),
  );
  const head = [...u16(9 + interfaces.length), 1, 1, 0, BUS_POWERED, MAX_POWER];
  return {
    device: descriptor(DESCRIPTOR.device, ...u16(USB_VERSION), 0, 0, 0, PACKET_BYTES, ...ids, 1, 2, 3, 1),
    // It knows full speed only, and stalls who asks for another one.
    qualifier: NOTHING,
    otherSpeed: NOTHING,
    configuration: concat(descriptor(DESCRIPTOR.configuration, ...head), interfaces),
    strings: [
      descriptor(DESCRIPTOR.string, ...u16(US_ENGLISH)),
      ...strings.map((text) => descriptor(DESCRIPTOR.string, ...utf16(text))),
    ],
  };
}
