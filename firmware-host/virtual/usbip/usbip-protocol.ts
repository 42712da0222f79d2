/**
 * USB/IP on the wire: Documentation/usb/usbip_protocol.rst of Linux, version 1.1.1. All fields are big-endian but the
 * setup packet, which is as on USB.
 */

import { SETUP_BYTES } from '../../firmware/usb/setup-packet.js';

export const USBIP_PORT = 3240;

const VERSION = 0x0111;

/** Before a device is imported. */
export const OPERATION = { devlist: 0x8005, import: 0x8003 } as const;
/** What answers an operation has this bit cleared. */
const REPLY_MASK = 0x7fff;

export const OPERATION_BYTES = 8;
export const BUS_ID_BYTES = 32;
const PATH_BYTES = 256;

export const OPERATION_STATUS = { ok: 0, busy: 2, noDevice: 4, error: 5 } as const;

/** `speed` of a device. */
const SPEED = { full: 2, high: 3 } as const;
/** Of a bulk endpoint at high speed; at full speed it is less (USB 2.0, 5.8.3), and Linux complains of a mixture. */
const HIGH_SPEED_BULK_BYTES = 512;
/** Types of descriptors, and of transfers. */
const ENDPOINT = 5;
const BULK = 2;

/** After that. */
export const COMMAND = { submit: 1, unlink: 2 } as const;
const RETURN = { submit: 3, unlink: 4 } as const;
export const COMMAND_BYTES = 48;

/** `number_of_packets` of what is not isochronous; both are seen. */
const NO_PACKETS: ReadonlySet<number> = new Set([0, 0xffff_ffff]);

/** Negative errno of Linux. */
export const URB_STATUS = { ok: 0, stall: -32, unlinked: -104 } as const;

export interface Operation {
  readonly version: number;
  readonly code: number;
}

export function decodeOperation(bytes: Uint8Array): Operation {
  const view = viewOf(bytes);
  return { version: view.getUint16(0), code: view.getUint16(2) };
}

/** Peers with another version are not served. */
export function isKnownVersion({ version }: Operation): boolean {
  return version === VERSION;
}

export function operationReply(code: number, status: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const head = new DataView(new ArrayBuffer(OPERATION_BYTES));
  head.setUint16(0, VERSION);
  head.setUint16(2, code & REPLY_MASK);
  head.setUint32(4, status);
  return new Uint8Array(Buffer.concat([new Uint8Array(head.buffer), ...contents]));
}

/** The name in an import request, up to its first zero. */
export function decodeBusId(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString('latin1');
}

/** A device as it is listed: its place on a bus, and what its descriptors say. */
export interface ExportedDevice {
  readonly busId: string;
  readonly busNumber: number;
  readonly deviceNumber: number;
  /** USB descriptors, with little-endian fields. */
  readonly device: Uint8Array;
  readonly configuration: Uint8Array;
  readonly configurationValue: number;
}

/** The record of 312 bytes that lists and imports have of a device. */
export function deviceRecord(exported: ExportedDevice): Uint8Array {
  const { busId, busNumber, deviceNumber, device, configuration, configurationValue } = exported;
  const usb = viewOf(device);
  const bytes = new Uint8Array(PATH_BYTES + BUS_ID_BYTES + 24);
  const view = viewOf(bytes);
  bytes.set(Buffer.from(`/sys/devices/mmfree/usb${busNumber}/${busId}`), 0);
  bytes.set(Buffer.from(busId), PATH_BYTES);
  const at = PATH_BYTES + BUS_ID_BYTES;
  view.setUint32(at, busNumber);
  view.setUint32(at + 4, deviceNumber);
  view.setUint32(at + 8, speedOf(configuration));
  // idVendor, idProduct, bcdDevice
  for (const field of [0, 2, 4]) view.setUint16(at + 12 + field, usb.getUint16(8 + field, true));
  // bDeviceClass, bDeviceSubClass, bDeviceProtocol
  bytes.set(device.subarray(4, 7), at + 18);
  bytes.set([configurationValue, device[17] ?? 1, configuration[4] ?? 0], at + 21);
  return bytes;
}

function speedOf(configuration: Uint8Array): number {
  const view = viewOf(configuration);
  for (let at = 0; at < configuration.length; at += configuration[at]!) {
    const isBulk = configuration[at + 1] === ENDPOINT && configuration[at + 3] === BULK;
    if (isBulk && view.getUint16(at + 4, true) < HIGH_SPEED_BULK_BYTES) return SPEED.full;
  }
  return SPEED.high;
}

/** Class, subclass and protocol of each interface, in lists only. */
export function interfaceRecords({ configuration }: ExportedDevice): Uint8Array {
  const INTERFACE = 4;
  const records: number[] = [];
  for (let at = 0; at < configuration.length; at += configuration[at]!) {
    const isInterface = configuration[at + 1] === INTERFACE && configuration[at + 3] === 0;
    if (isInterface) records.push(...configuration.subarray(at + 5, at + 8), 0);
  }
  return Uint8Array.from(records);
}

export interface SubmitCommand {
  readonly command: typeof COMMAND.submit;
  readonly sequence: number;
  readonly isIn: boolean;
  /** Without its direction. */
  readonly endpoint: number;
  /** Bytes that follow (OUT), or that the host takes (IN). */
  readonly length: number;
  readonly setup: Uint8Array;
}

export interface UnlinkCommand {
  readonly command: typeof COMMAND.unlink;
  readonly sequence: number;
  readonly unlinked: number;
}

/** Undefined if it is no command, or one with isochronous packets, which no endpoint of a board has. */
export function decodeCommand(bytes: Uint8Array): SubmitCommand | UnlinkCommand | undefined {
  const view = viewOf(bytes);
  const command = view.getUint32(0);
  const sequence = view.getUint32(4);
  const direction = view.getUint32(12);
  const endpoint = view.getUint32(16);
  if (command === COMMAND.unlink) return { command, sequence, unlinked: view.getUint32(20) };
  const isSubmit = command === COMMAND.submit && direction <= 1 && endpoint < 16 && NO_PACKETS.has(view.getUint32(32));
  if (!isSubmit) return undefined;
  const setup = bytes.slice(COMMAND_BYTES - SETUP_BYTES, COMMAND_BYTES);
  return { command, sequence, isIn: direction === 1, endpoint, length: view.getUint32(24), setup };
}

/** @param data of an IN transfer; @param actualLength of it, or the bytes taken of an OUT transfer */
export function submitReply(sequence: number, status: number, actualLength: number, data?: Uint8Array): Uint8Array {
  const bytes = reply(RETURN.submit, sequence, status, data?.length ?? 0);
  const view = viewOf(bytes);
  view.setUint32(24, actualLength);
  view.setUint32(32, 0xffff_ffff);
  if (data !== undefined) bytes.set(data, COMMAND_BYTES);
  return bytes;
}

export function unlinkReply(sequence: number, status: number): Uint8Array {
  return reply(RETURN.unlink, sequence, status, 0);
}

function reply(command: number, sequence: number, status: number, extraBytes: number): Uint8Array {
  const bytes = new Uint8Array(COMMAND_BYTES + extraBytes);
  const view = viewOf(bytes);
  view.setUint32(0, command);
  view.setUint32(4, sequence);
  view.setInt32(20, status);
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
