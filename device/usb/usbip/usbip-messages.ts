/**
 * The messages of USB/IP 1.1.1, as a client writes and reads them. Documentation/usb/usbip_protocol.rst of Linux. All
 * fields are big-endian, but the setup packet is as on the bus.
 */

const VERSION = 0x0111;

/** Codes of requests before a device is imported; the answer has the code without the highest bit. */
const OPERATION = { list: 0x8005, import: 0x8003 } as const;

/** Of every operation: version, code, status. */
export const OPERATION_HEAD_BYTES = 8;
const BUS_ID_BYTES = 32;
export const DEVICE_BYTES = 312;
export const INTERFACE_BYTES = 4;

const COMMAND = { submit: 1, unlink: 2, submitted: 3, unlinked: 4 } as const;

/** Of every command and answer about a transfer. */
export const TRANSFER_HEAD_BYTES = 48;

/** A device as a server describes it. */
export interface UsbipDevice {
  readonly busId: string;
  readonly bus: number;
  readonly address: number;
  readonly vendor: number;
  readonly product: number;
  readonly release: number;
  readonly interfaces: number;
}

export function encodeListRequest(): Uint8Array {
  return operation(OPERATION.list, 0);
}

/** @param busId at most 31 ASCII characters */
export function encodeImportRequest(busId: string): Uint8Array {
  const bytes = operation(OPERATION.import, BUS_ID_BYTES);
  bytes.set(new TextEncoder().encode(busId).subarray(0, BUS_ID_BYTES - 1), OPERATION_HEAD_BYTES);
  return bytes;
}

function operation(code: number, extraBytes: number): Uint8Array {
  const bytes = new Uint8Array(OPERATION_HEAD_BYTES + extraBytes);
  const view = viewOf(bytes);
  view.setUint16(0, VERSION);
  view.setUint16(2, code);
  return bytes;
}

/** The head of an answer: what is wrong with it as a clause, or its status, where 0 is well. */
export function decodeOperationHead(bytes: Uint8Array, request: keyof typeof OPERATION): number | string {
  const view = viewOf(bytes);
  const [version, code, status] = [view.getUint16(0), view.getUint16(2), view.getUint32(4)];
  if (code !== OPERATION[request] - 0x8000) return 'it does not answer as a USB/IP server does';
  if (version !== VERSION) return `it speaks version ${version.toString(16)} of USB/IP instead of 111`;
  return status;
}

/** @param bytes {@link DEVICE_BYTES} of them */
export function decodeDevice(bytes: Uint8Array): UsbipDevice {
  const view = viewOf(bytes);
  const name = bytes.subarray(256, 256 + BUS_ID_BYTES);
  const end = name.indexOf(0);
  return {
    busId: Buffer.from(name.subarray(0, end < 0 ? BUS_ID_BYTES : end)).toString('latin1'),
    bus: view.getUint32(288),
    address: view.getUint32(292),
    vendor: view.getUint16(300),
    product: view.getUint16(302),
    release: view.getUint16(304),
    interfaces: view.getUint8(311),
  };
}

/** A transfer to submit. */
export interface UsbipTransfer {
  readonly sequence: number;
  /** Bus in the upper, address in the lower half. */
  readonly deviceId: number;
  readonly isIn: boolean;
  readonly endpoint: number;
  /** Bytes that are sent, or at most taken. */
  readonly length: number;
  /** As on the bus, 8 bytes; absent but for endpoint 0. */
  readonly setup?: Uint8Array;
  /** What an OUT transfer carries. */
  readonly data?: Uint8Array;
}

/** Head and data in one piece, so that they leave in one packet. */
export function encodeSubmit(transfer: UsbipTransfer): Buffer {
  const { sequence, deviceId, isIn, endpoint, length, setup, data } = transfer;
  const bytes = Buffer.alloc(TRANSFER_HEAD_BYTES + (data?.length ?? 0));
  bytes.writeUInt32BE(COMMAND.submit, 0);
  bytes.writeUInt32BE(sequence, 4);
  bytes.writeUInt32BE(deviceId, 8);
  bytes.writeUInt32BE(isIn ? 1 : 0, 12);
  bytes.writeUInt32BE(endpoint, 16);
  bytes.writeUInt32BE(length, 24);
  // Not isochronous.
  bytes.writeUInt32BE(0xffff_ffff, 32);
  if (setup !== undefined) bytes.set(setup, 40);
  if (data !== undefined) bytes.set(data, TRANSFER_HEAD_BYTES);
  return bytes;
}

/** Takes a transfer back. @param sequence of this command @param target of the transfer */
export function encodeUnlink(sequence: number, deviceId: number, target: number): Buffer {
  const bytes = Buffer.alloc(TRANSFER_HEAD_BYTES);
  bytes.writeUInt32BE(COMMAND.unlink, 0);
  bytes.writeUInt32BE(sequence, 4);
  bytes.writeUInt32BE(deviceId, 8);
  bytes.writeUInt32BE(target, 20);
  return bytes;
}

/** What became of a transfer, or of taking one back. */
export interface UsbipAnswer {
  readonly kind: 'submitted' | 'unlinked';
  readonly sequence: number;
  /** 0, or a negative error number of Linux. */
  readonly status: number;
  readonly length: number;
}

/** @param bytes {@link TRANSFER_HEAD_BYTES} of them. What is wrong with them as a clause, or what they say */
export function decodeAnswer(bytes: Buffer): UsbipAnswer | string {
  const command = bytes.readUInt32BE(0);
  const head = { sequence: bytes.readUInt32BE(4), status: bytes.readInt32BE(20) };
  if (command === COMMAND.submitted) return { kind: 'submitted', ...head, length: bytes.readUInt32BE(24) };
  if (command === COMMAND.unlinked) return { kind: 'unlinked', ...head, length: 0 };
  return `it answers a transfer with command ${command}`;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
