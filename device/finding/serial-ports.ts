/**
 * The serial ports of this computer that are not USB's, such as the UARTs of small boards. Those of USB devices are
 * found with their devices (`usb/`).
 *
 * On Linux from sysfs, which is there without udev too. (The package `serialport` starts `udevadm` there, whose absence
 * in a container would end the process.)
 */

import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from '../usb/sysfs.js';

export interface SerialPortInfo {
  /** Such as `/dev/ttyAMA0`. */
  readonly path: string;
}

/** Ports that hardware is behind. Virtual consoles and PC ports, of which there are always some, are left out. */
const CANDIDATE = /^tty(?:ACM|USB|AMA|XRUSB)\d+$/;

/** In the tree of devices, what is behind a USB bus. */
const ON_USB = /\/usb\d+\//;

export async function listSerialPorts(): Promise<SerialPortInfo[]> {
  if (process.platform === 'linux') return linuxPorts('/sys/class/tty', '/dev');
  const { SerialPort } = await import('serialport');
  return (await SerialPort.list()).filter(({ vendorId }) => vendorId === undefined).map(({ path }) => ({ path }));
}

/** @param sysfs folder with an entry for each tty @param dev folder with the device files */
export function linuxPorts(sysfs: string, dev: string): SerialPortInfo[] {
  return namesIn(sysfs)
    .filter((name) => CANDIDATE.test(name) && !isOnUsb(join(sysfs, name, 'device')))
    .toSorted()
    .map((name) => ({ path: join(dev, name) }));
}

function isOnUsb(link: string): boolean {
  try {
    return ON_USB.test(`${realpathSync(link)}/`);
  } catch {
    return false;
  }
}
