/**
 * A Linux computer as a USB device, set up in configfs (Documentation/usb/gadget_configfs.rst): the serial port is the
 * kernel's (`usb_f_acm`), the DFU interface is ours (FunctionFS, functionfs.ts). Takes root.
 */

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { BoardIdentity } from '../../firmware/board.js';
import { DEVICE, deviceNames } from '../../firmware/usb/descriptors.js';

const CONFIGFS = '/sys/kernel/config';
const GADGET = `${CONFIGFS}/usb_gadget/mmfree`;
const SERIAL_FUNCTION = `${GADGET}/functions/acm.mmfree`;
const DFU_FUNCTION = `${GADGET}/functions/ffs.mmfree`;
const CONFIGURATION = `${GADGET}/configs/c.1`;
/** US English. */
const LANGUAGE = 'strings/0x409';
const FUNCTIONFS = '/run/mmfree-dfu';
const CONTROLLERS = '/sys/class/udc';

/** The file through which the DFU interface is served, as long as the gadget is set up. */
export const CONTROL_ENDPOINT = `${FUNCTIONFS}/ep0`;

/** Names of the USB device controllers of this computer. */
export function deviceControllers(): string[] {
  return existsSync(CONTROLLERS) ? readdirSync(CONTROLLERS).toSorted() : [];
}

/** Sets the device up, without showing it to a host yet. @throws the operating system's error */
export function makeGadget(identity: BoardIdentity): void {
  // They may be built in; what is missing shows below.
  ignoringErrors(() => run('modprobe', '--all', 'libcomposite', 'usb_f_acm', 'usb_f_fs'));
  // systemd mounts it; without it nobody does.
  if (!existsSync(`${CONFIGFS}/usb_gadget`)) run('mount', '-t', 'configfs', 'none', CONFIGFS);
  removeGadget();
  const [manufacturer, product, serial] = deviceNames(identity);
  mkdirSync(GADGET);
  const attributes = {
    idVendor: DEVICE.vendorId,
    idProduct: DEVICE.productId,
    bcdUSB: DEVICE.usbVersion,
    bcdDevice: DEVICE.version,
    // Interface associations.
    bDeviceClass: 0xef,
    bDeviceSubClass: 2,
    bDeviceProtocol: 1,
  };
  for (const [name, value] of Object.entries(attributes)) write(`${GADGET}/${name}`, `0x${value.toString(16)}`);
  mkdirSync(`${GADGET}/${LANGUAGE}`);
  write(`${GADGET}/${LANGUAGE}/manufacturer`, manufacturer);
  write(`${GADGET}/${LANGUAGE}/product`, product);
  write(`${GADGET}/${LANGUAGE}/serialnumber`, serial);
  mkdirSync(CONFIGURATION);
  write(`${CONFIGURATION}/MaxPower`, '500');
  // In this order they get their interface numbers.
  for (const path of [SERIAL_FUNCTION, DFU_FUNCTION]) {
    mkdirSync(path);
    symlinkSync(path, join(CONFIGURATION, path.slice(dirname(path).length + 1)));
  }
  mkdirSync(FUNCTIONFS, { recursive: true });
  run('mount', '-t', 'functionfs', 'mmfree', FUNCTIONFS);
}

/** The serial port of the device, on this side of the cable. */
export function gadgetSerialPort(): string {
  return `/dev/ttyGS${readFileSync(`${SERIAL_FUNCTION}/port_num`, 'latin1').trim()}`;
}

/**
 * Shows the device to the host, as soon as the DFU interface has its descriptors.
 *
 * @throws the operating system's error
 */
export function connectGadget(controller: string): void {
  write(`${GADGET}/UDC`, controller);
}

/** Takes the device off the bus. */
export function disconnectGadget(): void {
  ignoringErrors(() => write(`${GADGET}/UDC`, '\n'));
}

/** Takes everything away that {@link makeGadget} made, also what an earlier program left. */
export function removeGadget(): void {
  if (!existsSync(GADGET)) return;
  disconnectGadget();
  ignoringErrors(() => run('umount', FUNCTIONFS));
  for (const link of ['acm.mmfree', 'ffs.mmfree']) ignoringErrors(() => rmSync(join(CONFIGURATION, link)));
  const folders = [CONFIGURATION, SERIAL_FUNCTION, DFU_FUNCTION, `${GADGET}/${LANGUAGE}`, GADGET, FUNCTIONFS];
  for (const folder of folders) ignoringErrors(() => rmdirSync(folder));
}

function write(path: string, text: string): void {
  writeFileSync(path, text);
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Of what may be gone already. */
function ignoringErrors(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}
