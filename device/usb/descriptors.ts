/**
 * USB descriptors (USB 2.0, chapter 9), read as untrusted bytes: each length is checked before it is believed.
 *
 * Only what the standard's structure demands is demanded; fields that no decision rests on, such as `bNumInterfaces`,
 * are wrong in many a real device and not looked at.
 */

export const DESCRIPTOR = { device: 1, configuration: 2, string: 3, interface: 4, endpoint: 5 } as const;

/** What descriptors say that cannot be. `message` is a whole clause. */
export class DescriptorError extends Error {}

export interface DeviceDescriptor {
  readonly maxPacketSize0: number;
  readonly vendor: number;
  readonly product: number;
  /** `bcdDevice`. */
  readonly release: number;
  /** Indices of string descriptors; 0 for none. */
  readonly manufacturerIndex: number;
  readonly productIndex: number;
  readonly serialIndex: number;
  readonly configurations: number;
}

export interface EndpointDescriptor {
  /** Bit 7 is the direction, set for IN. */
  readonly address: number;
  /** 0 control, 1 isochronous, 2 bulk, 3 interrupt. */
  readonly type: number;
  readonly maxPacketSize: number;
}

/** One alternate setting of an interface. */
export interface InterfaceDescriptor {
  readonly number: number;
  readonly alternate: number;
  readonly class: number;
  readonly subclass: number;
  readonly protocol: number;
  /** Index of the string descriptor with its name; 0 for none. */
  readonly nameIndex: number;
  readonly endpoints: readonly EndpointDescriptor[];
  /** The other descriptors behind it, such as functional ones, whole. */
  readonly others: readonly Uint8Array[];
}

export interface ConfigurationDescriptor {
  readonly value: number;
  /** In the order in which they come. */
  readonly interfaces: readonly InterfaceDescriptor[];
}

const DEVICE_BYTES = 18;
const CONFIGURATION_BYTES = 9;
const INTERFACE_BYTES = 9;
const ENDPOINT_BYTES = 7;

/** @throws DescriptorError */
export function decodeDeviceDescriptor(bytes: Uint8Array): DeviceDescriptor {
  if (bytes.length < DEVICE_BYTES) {
    throw new DescriptorError(`its device descriptor has ${bytes.length} bytes instead of ${DEVICE_BYTES}`);
  }
  if (bytes[0]! < DEVICE_BYTES || bytes[1] !== DESCRIPTOR.device) {
    throw new DescriptorError(`its device descriptor begins with ${hex(bytes.subarray(0, 2))}`);
  }
  const view = viewOf(bytes);
  return {
    maxPacketSize0: bytes[7]!,
    vendor: view.getUint16(8, true),
    product: view.getUint16(10, true),
    release: view.getUint16(12, true),
    manufacturerIndex: bytes[14]!,
    productIndex: bytes[15]!,
    serialIndex: bytes[16]!,
    configurations: bytes[17]!,
  };
}

/** `wTotalLength` of a configuration, from its first 9 bytes. @throws DescriptorError */
export function configurationLength(bytes: Uint8Array): number {
  if (bytes.length < CONFIGURATION_BYTES) {
    throw new DescriptorError(`its configuration descriptor has ${bytes.length} bytes instead of at least 9`);
  }
  if (bytes[0]! < CONFIGURATION_BYTES || bytes[1] !== DESCRIPTOR.configuration) {
    throw new DescriptorError(`its configuration descriptor begins with ${hex(bytes.subarray(0, 2))}`);
  }
  const length = viewOf(bytes).getUint16(2, true);
  if (length >= CONFIGURATION_BYTES) return length;
  throw new DescriptorError(`its configuration descriptor says that it has ${length} bytes`);
}

/** A configuration with everything in it; bytes beyond `wTotalLength` are not its own. @throws DescriptorError */
export function decodeConfiguration(bytes: Uint8Array): ConfigurationDescriptor {
  const totalLength = configurationLength(bytes);
  if (bytes.length < totalLength) {
    throw new DescriptorError(`its configuration ends after ${bytes.length} of ${totalLength} bytes`);
  }
  const interfaces: (InterfaceDescriptor & { endpoints: EndpointDescriptor[]; others: Uint8Array[] })[] = [];
  for (const descriptor of descriptorsIn(bytes.subarray(0, totalLength), bytes[0]!)) {
    const last = interfaces.at(-1);
    if (descriptor[1] === DESCRIPTOR.interface) interfaces.push(decodeInterface(descriptor));
    // What comes before the first interface, such as an interface association, belongs to the configuration.
    else if (descriptor[1] === DESCRIPTOR.endpoint) last?.endpoints.push(decodeEndpoint(descriptor));
    else last?.others.push(descriptor);
  }
  return { value: bytes[5]!, interfaces };
}

/** What lies between `start` and the end, cut where the lengths say. */
function* descriptorsIn(bytes: Uint8Array, start: number): Generator<Uint8Array> {
  let at = start;
  while (at < bytes.length) {
    const length = bytes[at]!;
    if (length < 2) throw new DescriptorError(`a descriptor in its configuration has ${length} bytes`);
    if (at + length > bytes.length) {
      throw new DescriptorError(`a descriptor of ${length} bytes in its configuration ends outside of it`);
    }
    yield bytes.slice(at, at + length);
    at += length;
  }
}

function decodeInterface(
  bytes: Uint8Array,
): InterfaceDescriptor & { endpoints: EndpointDescriptor[]; others: Uint8Array[] } {
  if (bytes.length < INTERFACE_BYTES) {
    throw new DescriptorError(`an interface descriptor has ${bytes.length} bytes instead of ${INTERFACE_BYTES}`);
  }
  return {
    number: bytes[2]!,
    alternate: bytes[3]!,
    class: bytes[5]!,
    subclass: bytes[6]!,
    protocol: bytes[7]!,
    nameIndex: bytes[8]!,
    endpoints: [],
    others: [],
  };
}

function decodeEndpoint(bytes: Uint8Array): EndpointDescriptor {
  if (bytes.length < ENDPOINT_BYTES) {
    throw new DescriptorError(`an endpoint descriptor has ${bytes.length} bytes instead of ${ENDPOINT_BYTES}`);
  }
  // Bits 11 and 12 of the size are of high-bandwidth endpoints.
  return { address: bytes[2]!, type: bytes[3]! & 3, maxPacketSize: viewOf(bytes).getUint16(4, true) & 0x7ff };
}

/** Control characters, and halves of surrogate pairs that stand alone. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}]/gu;

/**
 * The text of a string descriptor, UTF-16 up to a NUL, without what would disturb a terminal.
 *
 * @throws DescriptorError
 */
export function decodeString(bytes: Uint8Array): string {
  const length = bytes[0] ?? 0;
  if (bytes.length < 2 || bytes[1] !== DESCRIPTOR.string || length < 2 || length > bytes.length) {
    throw new DescriptorError(
      `a string descriptor begins with ${hex(bytes.subarray(0, 2))} and has ${bytes.length} bytes`,
    );
  }
  const view = viewOf(bytes);
  const units = Array.from({ length: (length - 2) >> 1 }, (_, index) => view.getUint16(2 + 2 * index, true));
  // As Linux does, to whose text this is compared.
  const end = units.indexOf(0);
  return cleanText(String.fromCharCode(...(end < 0 ? units : units.slice(0, end))));
}

/** Text from a device, fit for a terminal and for comparing. */
export function cleanText(text: string): string {
  return text.replaceAll(UNPRINTABLE, '').trim().slice(0, 126);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ') || 'nothing';
}
