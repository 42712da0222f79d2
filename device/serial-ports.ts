/**
 * The serial ports of this computer, with the USB device behind each.
 *
 * On Linux from sysfs, which is there without udev too; elsewhere from the package `serialport`. (On Linux that starts
 * `udevadm`, whose absence in a container would end the process.)
 */

import { accessSync, constants, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface SerialPortInfo {
  /** Such as `/dev/ttyACM0` or `COM3`. */
  readonly path: string;
  /** Absent for ports that are not USB's. */
  readonly usb?: {
    readonly vendor: number;
    readonly product: number;
    readonly serial: string;
    /** For people. */
    readonly name: string;
  };
  /** Whether this user may open it; always true where that cannot be known. */
  readonly mayOpen: boolean;
}

/** Ports that hardware is behind: USB, and the UARTs of small boards. Virtual consoles and PC ports are left out. */
const CANDIDATE = /^tty(?:ACM|USB|AMA|XRUSB)\d+$/;

const CONTROL_CHARACTER = /\p{Cc}/gu;

export async function listSerialPorts(): Promise<SerialPortInfo[]> {
  return process.platform === 'linux' ? linuxPorts('/sys/class/tty', '/dev') : await otherPorts();
}

/** @param sysfs folder with an entry for each tty @param dev folder with the device files */
export function linuxPorts(sysfs: string, dev: string): SerialPortInfo[] {
  return namesIn(sysfs)
    .filter((name) => CANDIDATE.test(name))
    .toSorted()
    .map((name) => {
      const path = join(dev, name);
      const usb = usbDevice(join(sysfs, name, 'device'));
      return { path, ...(usb && { usb }), mayOpen: mayOpen(path) };
    });
}

/** The USB device that a tty belongs to: the nearest folder above it that has ids. */
function usbDevice(link: string): SerialPortInfo['usb'] {
  let folder: string;
  try {
    folder = realpathSync(link);
  } catch {
    return undefined;
  }
  for (; folder !== dirname(folder); folder = dirname(folder)) {
    const vendor = Number.parseInt(attribute(folder, 'idVendor'), 16);
    const product = Number.parseInt(attribute(folder, 'idProduct'), 16);
    if (Number.isNaN(vendor) || Number.isNaN(product)) continue;
    const name = `${attribute(folder, 'manufacturer')} ${attribute(folder, 'product')}`.trim();
    return { vendor, product, serial: attribute(folder, 'serial'), name };
  }
  return undefined;
}

function attribute(folder: string, name: string): string {
  try {
    return readFileSync(join(folder, name), 'utf8').trim().replaceAll(CONTROL_CHARACTER, '').slice(0, 126);
  } catch {
    return '';
  }
}

function mayOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

async function otherPorts(): Promise<SerialPortInfo[]> {
  const { SerialPort } = await import('serialport');
  const ports = await SerialPort.list();
  return ports.map(({ path, vendorId, productId, serialNumber = '', manufacturer = '' }) => {
    const vendor = Number.parseInt(vendorId ?? '', 16);
    const product = Number.parseInt(productId ?? '', 16);
    const isUsb = !Number.isNaN(vendor) && !Number.isNaN(product);
    return {
      path,
      ...(isUsb && { usb: { vendor, product, serial: serialNumber, name: manufacturer } }),
      mayOpen: true,
    };
  });
}
