/**
 * The same device again, after it was reset, detached or plugged in anew: known by its serial number, or by where it is
 * plugged in. Another one must never get what was meant for it.
 */

import type { Clock } from '../clock.js';
import type { UsbDeviceInfo, UsbHost } from './usb-device.js';
import { severalCameBack, usbLost } from './usb-error.js';

const LOOK_AGAIN_MS = 50;

/** What tells a device from others of its kind. */
export type DeviceIdentity = Pick<UsbDeviceInfo, 'path' | 'vendor' | 'product' | 'serial' | 'name' | 'twins'>;

/**
 * Among what is there now; undefined if it is not.
 *
 * - By serial number wherever it is now, if it has one: a port may be taken by a twin that came first. Others that had
 *   the same serial number while it was there are not it.
 * - By place if one of the two shows no serial number: boot loaders often have none, and USB/IP does not list them.
 *
 * @throws BoardError `board-ambiguous` if several could be it
 */
export function findSame(devices: readonly UsbDeviceInfo[], before: DeviceIdentity): UsbDeviceInfo | undefined {
  const kin = devices.filter(({ vendor }) => vendor === before.vendor);
  const here = kin.find(({ path }) => path === before.path);
  if (here !== undefined && mayBe(here.serial, before.serial)) return here;
  if (before.serial === '') return undefined;
  const moved = kin.filter(({ serial, path }) => serial === before.serial && !before.twins?.includes(path));
  if (moved.length > 1)
    throw severalCameBack(
      nameOf(before),
      moved.map(({ path }) => `usb:${path}`),
    );
  return moved[0];
}

/** The devices, each with the places of others that have its serial number, as cheap ones do. */
export function withTwins(devices: readonly UsbDeviceInfo[]): UsbDeviceInfo[] {
  return devices.map((device) => {
    const twins = devices.filter((other) => {
      const isSame = other.vendor === device.vendor && other.serial === device.serial && device.serial !== '';
      return isSame && other !== device;
    });
    return twins.length === 0 ? device : { ...device, twins: twins.map(({ path }) => path) };
  });
}

/** Whether two serial numbers can be of one device. */
export function mayBe(serial: string, other: string): boolean {
  return serial === other || serial === '' || other === '';
}

export interface WaitOptions {
  readonly clock: Clock;
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits until the device is there.
 *
 * @param accept what it must be then, such as in DFU mode
 * @throws BoardError `board-lost` when it does not come in time, `board-ambiguous`; AbortError
 */
export async function waitForSame(
  host: UsbHost,
  before: DeviceIdentity,
  accept: (device: UsbDeviceInfo) => boolean,
  { clock, limitMs, signal }: WaitOptions,
): Promise<UsbDeviceInfo> {
  const giveUpAtMs = clock.now() + limitMs;
  for (;;) {
    signal?.throwIfAborted();
    const devices = await host.list(signal);
    const found = findSame(devices, before);
    if (found !== undefined && accept(found)) return found;
    if (clock.now() >= giveUpAtMs) {
      const stranger = found === undefined ? devices.find(({ path }) => path === before.path) : undefined;
      const inItsPlace = stranger && ` In its place is ${host.nameOf(stranger)} (${stranger.name}).`;
      throw usbLost(nameOf(before), `It has not come back within ${limitMs / 1000} s.${inItsPlace ?? ''}`);
    }
    await new Promise<void>((resolve) => void clock.after(LOOK_AGAIN_MS, resolve));
  }
}

function nameOf({ name, serial, path }: DeviceIdentity): string {
  return [name, serial === '' ? `on ${path}` : serial].filter((part) => part !== '').join(' ');
}
