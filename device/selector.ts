/** What `--board` takes: a serial number, `usb:VID:PID[:SERIAL]`, `serial:PATH[@BAUD]` or `tcp:HOST:PORT`. */

import { openSerial } from './transport/serial-transport.js';
import { openTcp } from './transport/tcp-transport.js';
import type { OpenTransport } from './transport/transport.js';

/** A wire that can be opened. */
export type BoardAddress =
  | { readonly kind: 'serial'; readonly path: string; readonly baudRate: number }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export type BoardSelector =
  | BoardAddress
  | { readonly kind: 'serial-number'; readonly serial: string }
  /** Vendor and product as 16-bit numbers. */
  | { readonly kind: 'usb'; readonly vendor: number; readonly product: number; readonly serial?: string };

const DEFAULT_BAUD_RATE = 115_200;

const SERIAL = /^serial:([^\0@]+)(?:@(\d{1,8}))?$/;
const TCP = /^tcp:(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/;
const USB = /^usb:([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?::([\x21-\x7e]{1,126}))?$/;
const SERIAL_NUMBER = /^[\x21-\x39\x3b-\x7e]{1,126}$/;

/** Undefined if the text is none of the forms. */
export function parseSelector(text: string): BoardSelector | undefined {
  const [, path, baud] = SERIAL.exec(text) ?? [];
  if (path !== undefined) {
    const baudRate = Number(baud ?? DEFAULT_BAUD_RATE);
    return baudRate > 0 ? { kind: 'serial', path, baudRate } : undefined;
  }
  const [, ip, name, portText] = TCP.exec(text) ?? [];
  const host = ip ?? name;
  const port = Number(portText);
  if (host !== undefined) return port > 0 && port < 65_536 ? { kind: 'tcp', host, port } : undefined;
  const [, vendor, product, serial] = USB.exec(text) ?? [];
  if (vendor !== undefined && product !== undefined) {
    const ids = { vendor: Number.parseInt(vendor, 16), product: Number.parseInt(product, 16) };
    return { kind: 'usb', ...ids, ...(serial !== undefined && { serial }) };
  }
  return SERIAL_NUMBER.test(text) ? { kind: 'serial-number', serial: text } : undefined;
}

/** The selector as text. */
export function addressText(address: BoardAddress): string {
  if (address.kind === 'tcp') {
    return `tcp:${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  }
  const { path, baudRate } = address;
  return `serial:${path}${baudRate === DEFAULT_BAUD_RATE ? '' : `@${baudRate}`}`;
}

/** How to open the wire. */
export function opener(address: BoardAddress): OpenTransport {
  return address.kind === 'tcp'
    ? (signal) => openTcp(address.host, address.port, signal)
    : (signal) => openSerial(address.path, address.baudRate, signal);
}
