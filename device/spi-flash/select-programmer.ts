/** Which FT2232H is meant, of those that are plugged in or behind a USB/IP server. */

import { boardAmbiguous, boardNotFound } from '../board-error.js';
import { isUsbNamed, selectorText, usbipHost } from '../selector.js';
import type { BoardSelector } from '../selector.js';
import { isFtdi } from '../usb/ids.js';
import { localUsb } from '../usb/local-usb.js';
import type { UsbDeviceInfo, UsbHost } from '../usb/usb-device.js';
import { usbDenied } from '../usb/usb-error.js';
import { noProgrammer, notAProgrammer } from './spi-flash-error.js';

/**
 * @param selector the only one there is, if absent
 * @throws BoardError `board-not-found`, `board-ambiguous`, `board-denied` or `board-not-flashable`; AbortError
 */
export async function selectProgrammer(
  selector: BoardSelector | undefined,
  signal?: AbortSignal,
): Promise<{ readonly host: UsbHost; readonly info: UsbDeviceInfo }> {
  if (selector?.kind === 'serial' || selector?.kind === 'tcp') {
    throw notAProgrammer(selectorText(selector), 'It is no USB device.');
  }
  const host = selector?.kind === 'usbip' ? await usbipHost(selector.host, selector.port) : localUsb;
  const named = (await host.list(signal)).filter((info) => isNamed(info, selector));
  const fitting = named.filter(isFtdi);
  const [info, ...others] = fitting;
  if (others.length > 0) throw boardAmbiguous(fitting.map((device) => host.nameOf(device)));
  if (info !== undefined) {
    if (info.node !== undefined && !info.node.mayOpen) throw usbDenied(host.nameOf(info), info.node);
    return { host, info };
  }
  if (selector === undefined) throw noProgrammer();
  const [other] = named;
  // Of all that a server has nobody said that it is one.
  const isMeant = other !== undefined && !(selector.kind === 'usbip' && selector.busId === undefined);
  if (isMeant) throw notAProgrammer(host.nameOf(other), 'Its USB ids are those of another device.');
  throw boardNotFound(selectorText(selector), 'No FT2232H is there.');
}

function isNamed(info: UsbDeviceInfo, selector: BoardSelector | undefined): boolean {
  if (selector === undefined) return true;
  if (selector.kind === 'usbip') return selector.busId === undefined || selector.busId === info.path;
  return isUsbNamed(info, selector);
}
