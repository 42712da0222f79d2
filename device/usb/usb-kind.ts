/** What a USB device is to us: the same on the USB of this computer and on a USB/IP server. */

import { bootModeOf, isFtdi, isOurs } from './ids.js';
import { hasDfu } from './usb-classes.js';
import type { UsbDeviceInfo } from './usb-device.js';

/**
 * `usb` is a board of ours; a `dfu` device of another make can be flashed; behind a `port` can be anything, and behind
 * an `ftdi` chip an FPGA. A microcontroller that is a `drive` is in boot mode, and waits for its firmware.
 */
export type UsbKind = 'usb' | 'dfu' | 'ftdi' | 'drive' | 'port';

/** Undefined for devices in which no board can be reached. @param hasPort whether the device has a serial port */
export function usbKind(info: UsbDeviceInfo, hasPort: boolean): UsbKind | undefined {
  if (isFtdi(info)) return 'ftdi';
  if (isOurs(info)) return 'usb';
  if (bootModeOf(info) !== undefined) return 'drive';
  if (hasDfu(info)) return 'dfu';
  return hasPort ? 'port' : undefined;
}
