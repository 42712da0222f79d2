/**
 * The USB of this computer: sysfs says what is there, the package `usb` opens it. Elsewhere than on Linux it does both.
 * What opens is loaded by who opens: most look whether a board is there, and there is none.
 */

import { withTwins } from './same-device.js';
import type { DeviceIdentity } from './same-device.js';
import { deviceNode } from '../finding/read-device-node.js';
import type { Transport } from '../transport/transport.js';
import { sysfsDevices } from './sysfs.js';
import type { UsbDeviceInfo, UsbHost } from './usb-device.js';

export const localUsb: UsbHost = {
  nameOf: usbName,
  list: async () =>
    withTwins(process.platform === 'linux' ? sysfsDevices() : await (await usbPackage()).listPackageDevices()),
  device: async (info) => await (await usbPackage()).packageDevice(usbName(info), info),
  hasPort: (info) => deviceNode(portOf(info) ?? '').mayOpen,
  openPort: async (info, signal): Promise<Transport> => {
    const { openSerial } = await import('../transport/serial-transport.js');
    return await openSerial(portOf(info) ?? '', BAUD_RATE, signal);
  },
  close: () => Promise.resolve(),
};

async function usbPackage(): Promise<typeof import('./usb-package.js')> {
  return await import('./usb-package.js');
}

/** Means nothing over USB, and must be something. */
const BAUD_RATE = 115_200;

/** The first serial port of the device. */
export function portOf({ interfaces }: UsbDeviceInfo): string | undefined {
  return interfaces.find(({ port }) => port !== undefined)?.port;
}

/** A selector: by serial number, or by where it is plugged in if it has none of its own that a selector can hold. */
export function usbName({ vendor, product, serial, path, twins }: DeviceIdentity): string {
  return twins === undefined && /^[\x21-\x7e]+$/.test(serial)
    ? `usb:${hex4(vendor)}:${hex4(product)}:${serial}`
    : `usb:${path}`;
}

export function hex4(value: number): string {
  return value.toString(16).padStart(4, '0');
}
