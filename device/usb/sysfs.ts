/**
 * USB devices as Linux shows them under /sys/bus/usb/devices (Documentation/ABI/testing/sysfs-bus-usb of the kernel):
 * everything is known without opening a device, and without udev.
 */

import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { deviceNode } from '../finding/read-device-node.js';
import { cleanText } from './descriptors.js';
import type { UsbDeviceInfo, UsbInterfaceInfo } from './usb-device.js';

/** Bus and ports: `1-1`, `3-1.4.2`. Root hubs (`usb1`) and interfaces (`1-1:1.0`) are named otherwise. */
const DEVICE = /^\d+-\d+(?:\.\d+)*$/;

const HUB_CLASS = 9;

/** By topology. @param sysfs the folder /sys/bus/usb/devices @param dev the folder /dev */
export function sysfsDevices(sysfs = '/sys/bus/usb/devices', dev = '/dev'): UsbDeviceInfo[] {
  return namesIn(sysfs)
    .filter((name) => DEVICE.test(name))
    .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .flatMap((name) => readDevice(sysfs, dev, name) ?? []);
}

/** Undefined if it is a hub, or goes away meanwhile. */
function readDevice(sysfs: string, dev: string, path: string): UsbDeviceInfo | undefined {
  const folder = join(sysfs, path);
  const [vendor, product] = [number(folder, 'idVendor', 16), number(folder, 'idProduct', 16)];
  const [bus, address] = [number(folder, 'busnum', 10), number(folder, 'devnum', 10)];
  if ([vendor, product, bus, address].some(Number.isNaN)) return undefined;
  if (number(folder, 'bDeviceClass', 16) === HUB_CLASS) return undefined;
  const [busText, addressText] = [bus, address].map((value) => String(value).padStart(3, '0'));
  return {
    path,
    vendor,
    product,
    release: number(folder, 'bcdDevice', 16) || 0,
    serial: attribute(folder, 'serial'),
    name: `${attribute(folder, 'manufacturer')} ${attribute(folder, 'product')}`.trim(),
    interfaces: namesIn(folder)
      .filter((name) => name.startsWith(`${path}:`))
      .flatMap((name) => readInterface(join(folder, name), dev) ?? [])
      .toSorted((a, b) => a.number - b.number),
    address,
    node: deviceNode(`${dev}/bus/usb/${busText}/${addressText}`),
  };
}

function readInterface(folder: string, dev: string): UsbInterfaceInfo | undefined {
  const info = {
    number: number(folder, 'bInterfaceNumber', 16),
    class: number(folder, 'bInterfaceClass', 16),
    subclass: number(folder, 'bInterfaceSubClass', 16),
    protocol: number(folder, 'bInterfaceProtocol', 16),
  };
  if (Object.values(info).some(Number.isNaN)) return undefined;
  const driver = linkTarget(join(folder, 'driver'));
  // cdc_acm has a folder `tty` with the port in it; drivers of serial converters have the port at once.
  const port = namesIn(join(folder, 'tty'))[0] ?? namesIn(folder).find((name) => /^ttyUSB\d+$/.test(name));
  return { ...info, ...(driver !== undefined && { driver }), ...(port !== undefined && { port: `${dev}/${port}` }) };
}

function linkTarget(link: string): string | undefined {
  try {
    return basename(realpathSync(link));
  } catch {
    return undefined;
  }
}

function number(folder: string, name: string, base: number): number {
  return Number.parseInt(attribute(folder, name), base);
}

/** The text of an attribute; empty if there is none. Strings of devices come as they are sent. */
export function attribute(folder: string, name: string): string {
  try {
    return cleanText(readFileSync(join(folder, name), 'utf8'));
  } catch {
    return '';
  }
}

export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
