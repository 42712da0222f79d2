/** The requests that every device answers. USB 2.0, section 9.4. */

import { DESCRIPTOR } from './descriptors.js';
import type { StandardDescriptors } from './descriptors.js';
import { isIn, RECIPIENT } from './setup-packet.js';
import type { SetupPacket } from './setup-packet.js';

/** What they change and show. */
export interface StandardDevice {
  readonly descriptors: StandardDescriptors;
  readonly configuration: number;
  configure(configuration: number): void;
  alternateOf(interfaceNumber: number): number | undefined;
  selectAlternate(interfaceNumber: number, alternate: number): boolean;
  isHalted(endpoint: number): boolean | undefined;
  setHalt(endpoint: number, isHalted: boolean): void;
}

/** By their names in USB 2.0, table 9-4. */
export const STANDARD_REQUEST = {
  getStatus: 0,
  clearFeature: 1,
  setFeature: 3,
  setAddress: 5,
  getDescriptor: 6,
  getConfiguration: 8,
  setConfiguration: 9,
  getInterface: 10,
  setInterface: 11,
} as const;

const IN_REQUESTS: ReadonlySet<number> = new Set([
  STANDARD_REQUEST.getStatus,
  STANDARD_REQUEST.getDescriptor,
  STANDARD_REQUEST.getConfiguration,
  STANDARD_REQUEST.getInterface,
]);

const ENDPOINT_HALT = 0;
const NOTHING = new Uint8Array(0);

/** @returns data; undefined is STALL */
export function answerStandardRequest(device: StandardDevice, setup: SetupPacket): Uint8Array | undefined {
  const { request, value, index, length } = setup;
  if (isIn(setup) !== IN_REQUESTS.has(request) || (!isIn(setup) && length !== 0)) return undefined;
  switch (setup.requestType & RECIPIENT.mask) {
    case RECIPIENT.device:
      return deviceRequest(device, request, value);
    case RECIPIENT.interface:
      return interfaceRequest(device, request, value, index);
    case RECIPIENT.endpoint:
      return endpointRequest(device, request, value, index);
    default:
      return undefined;
  }
}

function deviceRequest(device: StandardDevice, request: number, value: number): Uint8Array | undefined {
  switch (request) {
    case STANDARD_REQUEST.getStatus:
      // Powered by the bus, and it wakes nobody.
      return Uint8Array.of(0, 0);
    case STANDARD_REQUEST.setAddress:
      return value < 128 ? NOTHING : undefined;
    case STANDARD_REQUEST.getDescriptor:
      return descriptorOf(device.descriptors, value);
    case STANDARD_REQUEST.getConfiguration:
      return Uint8Array.of(device.configuration);
    case STANDARD_REQUEST.setConfiguration:
      if (value > 1) return undefined;
      device.configure(value);
      return NOTHING;
    default:
      return undefined;
  }
}

/** @param value type in the high byte, index in the low one */
function descriptorOf(descriptors: StandardDescriptors, value: number): Uint8Array | undefined {
  const index = value & 0xff;
  const type = value >> 8;
  if (type === DESCRIPTOR.string) return descriptors.strings[index];
  if (index !== 0) return undefined;
  switch (type) {
    case DESCRIPTOR.device:
      return descriptors.device;
    case DESCRIPTOR.configuration:
      return descriptors.configuration;
    case DESCRIPTOR.qualifier:
      return descriptors.qualifier;
    case DESCRIPTOR.otherSpeed:
      return descriptors.otherSpeed;
    case DESCRIPTOR.binaryObjectStore:
      return descriptors.binaryObjectStore;
    default:
      return undefined;
  }
}

function interfaceRequest(
  device: StandardDevice,
  request: number,
  value: number,
  index: number,
): Uint8Array | undefined {
  const alternate = device.alternateOf(index);
  if (alternate === undefined) return undefined;
  switch (request) {
    case STANDARD_REQUEST.getStatus:
      return Uint8Array.of(0, 0);
    case STANDARD_REQUEST.getInterface:
      return Uint8Array.of(alternate);
    case STANDARD_REQUEST.setInterface:
      return device.selectAlternate(index, value) ? NOTHING : undefined;
    default:
      return undefined;
  }
}

function endpointRequest(
  device: StandardDevice,
  request: number,
  value: number,
  index: number,
): Uint8Array | undefined {
  // The control endpoint is never halted.
  const isControl = (index & 0x7f) === 0;
  const isHalted = isControl ? false : device.isHalted(index);
  if (isHalted === undefined || (device.configuration === 0 && !isControl)) return undefined;
  if (request === STANDARD_REQUEST.getStatus) return Uint8Array.of(isHalted ? 1 : 0, 0);
  const isFeature = request === STANDARD_REQUEST.clearFeature || request === STANDARD_REQUEST.setFeature;
  if (!isFeature || value !== ENDPOINT_HALT || isControl) return undefined;
  device.setHalt(index, request === STANDARD_REQUEST.setFeature);
  return NOTHING;
}
