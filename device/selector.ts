/**
 * What `--board` takes: a serial number, `usb:VID:PID[:SERIAL]`, `usb:BUS-PORT`, `serial:PATH[@BAUD]`, `tcp:HOST:PORT`
 * or `usbip:HOST[:PORT][/BUSID]`.
 */

import { systemClock } from './clock.js';
import { hex4, localUsb, portOf, usbName } from './usb/local-usb.js';
import { findSame } from './usb/same-device.js';
import type { DeviceIdentity } from './usb/same-device.js';
import type { OpenTransport, Transport } from './transport/transport.js';
import type { UsbipHost } from './usb/usbip/usbip-host.js';

/** Where a board is reached. */
export type BoardAddress =
  | { readonly kind: 'serial'; readonly path: string; readonly baudRate: number }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** On a USB/IP server; without a bus id, the only one there. */
  | { readonly kind: 'usbip'; readonly host: string; readonly port: number; readonly busId?: string }
  /** A device on this computer's USB, whatever its serial port is called. */
  | { readonly kind: 'usb'; readonly device: DeviceIdentity };

/** An address, or what several boards may fit. */
export type BoardSelector =
  | Exclude<BoardAddress, { kind: 'usb' }>
  | { readonly kind: 'serial-number'; readonly serial: string }
  /** Vendor and product as 16-bit numbers. */
  | { readonly kind: 'usb-ids'; readonly vendor: number; readonly product: number; readonly serial?: string }
  /** Where it is plugged in: bus and ports. */
  | { readonly kind: 'usb-path'; readonly path: string };

const DEFAULT_BAUD_RATE = 115_200;
const DEFAULT_USBIP_PORT = 3240;

/** A board that has just started has its serial port by then. */
const PORT_APPEARS_MS = 3000;

const SERIAL = /^serial:([^\0@]+)(?:@(\d{1,8}))?$/;
const TCP = /^tcp:(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/;
const USBIP = /^usbip:(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+))(?::(\d{1,5}))?(?:\/([0-9A-Za-z.-]{1,31}))?$/;
const USB_IDS = /^usb:([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?::([\x21-\x7e]{1,126}))?$/;
const USB_PATH = /^usb:(\d{1,3}-\d{1,3}(?:\.\d{1,3}){0,5})$/;
const SERIAL_NUMBER = /^[\x21-\x39\x3b-\x7e]{1,126}$/;

/** Undefined if the text is none of the forms. */
export function parseSelector(text: string): BoardSelector | undefined {
  return parseSerial(text) ?? parseNetwork(text) ?? parseUsb(text) ?? parseSerialNumber(text);
}

function parseSerial(text: string): BoardSelector | undefined {
  const [, path, baud] = SERIAL.exec(text) ?? [];
  const baudRate = Number(baud ?? DEFAULT_BAUD_RATE);
  return path !== undefined && baudRate > 0 ? { kind: 'serial', path, baudRate } : undefined;
}

function parseNetwork(text: string): BoardSelector | undefined {
  const [, ip, name, portText, busId] = TCP.exec(text) ?? USBIP.exec(text) ?? [];
  const host = ip ?? name;
  const port = Number(portText ?? DEFAULT_USBIP_PORT);
  if (host === undefined || port === 0 || port > 65_535) return undefined;
  if (text.startsWith('tcp:')) return { kind: 'tcp', host, port };
  return { kind: 'usbip', host, port, ...(busId !== undefined && { busId }) };
}

function parseUsb(text: string): BoardSelector | undefined {
  const [, path] = USB_PATH.exec(text) ?? [];
  if (path !== undefined) return { kind: 'usb-path', path };
  const [, vendor, product, serial] = USB_IDS.exec(text) ?? [];
  if (vendor === undefined || product === undefined) return undefined;
  const ids = { vendor: Number.parseInt(vendor, 16), product: Number.parseInt(product, 16) };
  return { kind: 'usb-ids', ...ids, ...(serial !== undefined && { serial }) };
}

function parseSerialNumber(text: string): BoardSelector | undefined {
  return SERIAL_NUMBER.test(text) ? { kind: 'serial-number', serial: text } : undefined;
}

/** The selector as text. */
export function addressText(address: BoardAddress): string {
  switch (address.kind) {
    case 'serial':
      return `serial:${address.path}${address.baudRate === DEFAULT_BAUD_RATE ? '' : `@${address.baudRate}`}`;
    case 'tcp':
      return `tcp:${bracketed(address.host)}:${address.port}`;
    case 'usbip':
      return `usbip:${bracketed(address.host)}:${address.port}${address.busId === undefined ? '' : `/${address.busId}`}`;
    case 'usb':
      break;
  }
  return usbName(address.device);
}

export function selectorText(selector: BoardSelector): string {
  if (selector.kind === 'serial-number') return selector.serial;
  if (selector.kind === 'usb-path') return `usb:${selector.path}`;
  if (selector.kind !== 'usb-ids') return addressText(selector);
  const serial = selector.serial === undefined ? '' : `:${selector.serial}`;
  return `usb:${hex4(selector.vendor)}:${hex4(selector.product)}${serial}`;
}

/** Whether a selector means this device of this computer's USB, which other ones may be meant by too. */
export function isUsbNamed(info: DeviceIdentity, selector: BoardSelector): boolean {
  if (selector.kind === 'serial-number') return info.serial === selector.serial;
  if (selector.kind === 'usb-path') return info.path === selector.path;
  if (selector.kind !== 'usb-ids') return false;
  const { vendor, product, serial } = selector;
  return info.vendor === vendor && info.product === product && (serial ?? info.serial) === info.serial;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** A USB/IP server, whose code is loaded when it is used. */
export async function usbipHost(host: string, port: number): Promise<UsbipHost> {
  const { UsbipHost: Host } = await import('./usb/usbip/usbip-host.js');
  return new Host(host, port);
}

/** How to open the wire. */
export function opener(address: BoardAddress): OpenTransport {
  switch (address.kind) {
    case 'serial':
      return process.platform === 'linux'
        ? followingOpener(address.path, address.baudRate)
        : async (signal): Promise<Transport> => await serialPort(address.path, address.baudRate, signal);
    case 'tcp':
      return async (signal): Promise<Transport> => {
        const { openTcp } = await import('./transport/tcp-transport.js');
        return await openTcp(address.host, address.port, signal);
      };
    case 'usbip':
      return async (signal): Promise<Transport> => {
        const server = await usbipHost(address.host, address.port);
        return await server.openPort(await server.find(address.busId, ['usb', 'ftdi'], signal), signal);
      };
    case 'usb':
      break;
  }
  return async (signal): Promise<Transport> => {
    const { openPort } = await import('./usb/open-port.js');
    return await openPort(localUsb, address.device, { clock: systemClock, limitMs: PORT_APPEARS_MS, signal });
  };
}

async function serialPort(path: string, baudRate: number, signal?: AbortSignal): Promise<Transport> {
  const { openSerial } = await import('./transport/serial-transport.js');
  return await openSerial(path, baudRate, signal);
}

/**
 * Opens a port, and again the port of the same device, if it is one of USB: after a restart it may have another name.
 */
function followingOpener(path: string, baudRate: number): OpenTransport {
  let device: DeviceIdentity | undefined;
  return async (signal) => {
    const devices = await localUsb.list(signal);
    device ??= devices.find((info) => portOf(info) === path);
    const now = device && findSame(devices, device);
    return await serialPort((now && portOf(now)) ?? path, baudRate, signal);
  };
}
