/** The ports that boards are plugged into: those of `vhci_hcd`, the kernel's client of USB/IP. */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { succeed } from './program.js';
import type { Log } from './log.js';
import { until } from './until.js';

/** A device as the kernel knows it. */
export interface PluggedDevice {
  /** Port of vhci_hcd. */
  readonly port: number;
  /** The kernel's name of the place: bus and ports, such as `1-1`. */
  readonly place: string;
}

const STATUS = '/sys/devices/platform/vhci_hcd.0/status';
const DETACH = '/sys/devices/platform/vhci_hcd.0/detach';
const DEVICES = '/sys/bus/usb/devices';
/** Of the status file: a device is there and has its address. */
const IN_USE = 6;

/**
 * Plugs a device of a USB/IP server into the first free port, and waits for the kernel to know it.
 *
 * @param host where the server is, if not on this computer
 */
export async function plugIn(log: Log, tcpPort: number, busId: string, host = '127.0.0.1'): Promise<PluggedDevice> {
  const before = new Set(pluggedDevices().map(({ port }) => port));
  await succeed(log, 'usbip', ['--tcp-port', String(tcpPort), 'attach', '--remote', host, '--busid', busId]);
  const device = await until(`a device at ${busId} of TCP port ${tcpPort}`, () =>
    pluggedDevices().find(
      ({ port, place }) => !before.has(port) && existsSync(`${DEVICES}/${place}/bConfigurationValue`),
    ),
  );
  log.write(`plugged in: ${device.place} (port ${device.port})`);
  return device;
}

/** Pulls its cable: at once, where `usbip detach` takes a while to start. */
export function pullOut(log: Log, { port, place }: PluggedDevice): void {
  log.write(`unplugged: ${place}`);
  writeFileSync(DETACH, String(port));
}

/** Waits until the kernel has noticed that a device is gone. */
export async function gone(place: string): Promise<void> {
  await until(
    `${place} to go`,
    () => !existsSync(`${DEVICES}/${place}`) && !pluggedDevices().some((it) => it.place === place),
  );
}

function pluggedDevices(): PluggedDevice[] {
  // Columns: hub, port, state, speed, device id, socket, place.
  return readFileSync(STATUS, 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => Number(state) === IN_USE)
    .map(([, port, , , , , place = '']) => ({ port: Number(port), place }));
}

/** The serial port of a device: waits until udev has made it. @returns its path */
export async function serialPortOf(place: string): Promise<string> {
  const name = await until(`a serial port of ${place}`, () => ttyOf(place));
  return await until(`/dev/${name}`, () => (existsSync(`/dev/${name}`) ? `/dev/${name}` : undefined));
}

function ttyOf(place: string): string | undefined {
  if (!existsSync(`${DEVICES}/${place}`)) return undefined;
  for (const name of readdirSync(`${DEVICES}/${place}`)) {
    const folder = `${DEVICES}/${place}/${name}/tty`;
    if (name.startsWith(`${place}:`) && existsSync(folder)) return readdirSync(folder)[0];
  }
  return undefined;
}

/** Waits until udev has done what there is to do. */
export async function settle(log: Log): Promise<void> {
  await succeed(log, 'udevadm', ['settle', '--timeout=30']);
}
