/** What an FT2232H says about itself on USB: as the chip does, with an EEPROM that names the board. FTDI DS_FT2232H. */

import { concat, descriptor, u16, utf16 } from '../../firmware/usb/descriptor-bytes.js';
import { DESCRIPTOR } from '../../firmware/usb/descriptors.js';
import type { StandardDescriptors } from '../../firmware/usb/descriptors.js';

export const FTDI_VENDOR = 0x0403;
export const FT2232H_PRODUCT = 0x6010;
/** `bcdDevice`, by which drivers tell FTDI's chips apart. */
export const FT2232H_RELEASE = 0x0700;

/** Interface n has endpoints IN 0x81 + 2n and OUT 0x02 + 2n. */
export const INTERFACES = 2;

export interface FtdiNames {
  readonly manufacturer: string;
  readonly product: string;
  readonly serial: string;
}

const STRING = { manufacturer: 1, product: 2, serial: 3 } as const;
const US_ENGLISH = 0x0409;
const USB_VERSION = 0x0200;
const CONTROL_PACKET_BYTES = 64;
const VENDOR_SPECIFIC = 0xff;
const BULK = 2;
const BUS_POWERED = 0x80;
/** In units of 2 mA. */
const MAX_POWER = 250;

export function ftdiDescriptors({ manufacturer, product, serial }: FtdiNames): StandardDescriptors {
  const common = [...u16(USB_VERSION), 0, 0, 0, CONTROL_PACKET_BYTES];
  const ids = [...u16(FTDI_VENDOR), ...u16(FT2232H_PRODUCT), ...u16(FT2232H_RELEASE)];
  const strings = [STRING.manufacturer, STRING.product, STRING.serial];
  return {
    device: descriptor(DESCRIPTOR.device, ...common, ...ids, ...strings, 1 /* configurations */),
    qualifier: descriptor(DESCRIPTOR.qualifier, ...common, 1 /* configurations */, 0),
    configuration: configuration(DESCRIPTOR.configuration, 512),
    otherSpeed: configuration(DESCRIPTOR.otherSpeed, 64),
    strings: [
      descriptor(DESCRIPTOR.string, ...u16(US_ENGLISH)),
      ...[manufacturer, product, serial].map((text) => descriptor(DESCRIPTOR.string, ...utf16(text))),
    ],
  };
}

function configuration(type: number, packetBytes: number): Uint8Array {
  const interfaces = concat(
    ...Array.from({ length: INTERFACES }, (_, number) => interfaceDescriptors(number, packetBytes)).flat(),
  );
  const head = [...u16(9 + interfaces.length), INTERFACES, 1 /* its number */, 0 /* no name */, BUS_POWERED, MAX_POWER];
  return concat(descriptor(type, ...head), interfaces);
}

function interfaceDescriptors(number: number, packetBytes: number): Uint8Array[] {
  const kind = [VENDOR_SPECIFIC, VENDOR_SPECIFIC, VENDOR_SPECIFIC, STRING.product];
  return [
    descriptor(DESCRIPTOR.interface, number, 0 /* the only setting */, 2 /* endpoints */, ...kind),
    descriptor(DESCRIPTOR.endpoint, 0x81 + 2 * number, BULK, ...u16(packetBytes), 0),
    descriptor(DESCRIPTOR.endpoint, 0x02 + 2 * number, BULK, ...u16(packetBytes), 0),
  ];
}
