/**
 * Everything that the board says about itself on USB. docs/USB.md, section 1; USB 2.0, chapter 9; DFU 1.1, section 4;
 * PSTN 1.2, section 5.3. What Windows and browsers look for is in platform-descriptors.ts.
 */

import type { BoardIdentity } from '../board.js';
import { concat, descriptor, u16, utf16 } from './descriptor-bytes.js';
import { DETACH_TIMEOUT_MS, TRANSFER_BYTES } from './dfu-protocol.js';
import { binaryObjectStore, microsoftDescriptorSet } from './platform-descriptors.js';

/** What a host can ask for by GET_DESCRIPTOR. */
export interface StandardDescriptors {
  readonly device: Uint8Array;
  readonly qualifier: Uint8Array;
  /** At high speed. */
  readonly configuration: Uint8Array;
  /** At full speed. */
  readonly otherSpeed: Uint8Array;
  readonly binaryObjectStore?: Uint8Array;
  /** From index 0, the languages, on. */
  readonly strings: readonly Uint8Array[];
}

/** Those of a board of ours, and the set for Windows. */
export interface DeviceDescriptors extends StandardDescriptors {
  readonly microsoftSet: Uint8Array;
  /** Number of the DFU interface. */
  readonly dfuInterface: number;
  /** Whether there is the serial port as well: interfaces 0 and 1. */
  readonly hasSerial: boolean;
}

/** What of it depends on the mode of the board: docs/USB.md, section 2. */
export interface DescriptorOptions {
  readonly identity: BoardIdentity;
  readonly hasSerial: boolean;
  /** `bInterfaceProtocol` of the DFU interface: 1 runtime, 2 DFU mode. */
  readonly dfuProtocol: 1 | 2;
  /** `bmAttributes` of the DFU functional descriptor. */
  readonly dfuAttributes: number;
}

export const DESCRIPTOR = {
  device: 1,
  configuration: 2,
  string: 3,
  interface: 4,
  endpoint: 5,
  qualifier: 6,
  otherSpeed: 7,
  interfaceAssociation: 11,
  binaryObjectStore: 15,
  dfuFunctional: 0x21,
  cdcFunctional: 0x24,
} as const;

/** Of the device descriptor. The ids are pid.codes' for tests, until the project has one of its own. */
export const DEVICE = { vendorId: 0x1209, productId: 0x0001, usbVersion: 0x0210, version: 0x0100 } as const;

export const SERIAL_CONTROL_INTERFACE = 0;
const SERIAL_DATA_INTERFACE = 1;
export const NOTIFICATION_ENDPOINT = 0x81;
export const BULK_OUT_ENDPOINT = 0x02;
export const BULK_IN_ENDPOINT = 0x82;

/** Names of the DFU alternate settings, in order. */
export const DFU_SETTINGS = ['weights', 'gateware'] as const;

/** In UTF-16 units: a descriptor's length has one byte. */
const MAX_STRING_LENGTH = 126;
const STRING = { manufacturer: 1, product: 2, serial: 3, settings: [4, 5], serialPort: 6 } as const;
const US_ENGLISH = 0x0409;

/**
 * Class, subclass and protocol of a device whose functions are told apart by associations, and of one that its
 * interface tells.
 */
const COMPOSITE = [0xef, 0x02, 0x01];
const BY_INTERFACE = [0, 0, 0];
const CONTROL_PACKET_BYTES = 64;
/** In units of 2 mA. */
const MAX_POWER = 250;
const BUS_POWERED = 0x80;

const CDC = 0x02;
const CDC_DATA = 0x0a;
const ABSTRACT_CONTROL_MODEL = 0x02;
/**
 * It takes SET_LINE_CODING, SET_CONTROL_LINE_STATE and SEND_BREAK: Linux passes on no DTR without the first two, and
 * serialport needs the break.
 */
const ACM_CAPABILITIES = 0x06;
const APPLICATION_SPECIFIC = 0xfe;
const DFU_SUBCLASS = 0x01;

export function deviceDescriptors(options: DescriptorOptions): DeviceDescriptors {
  const { identity, hasSerial } = options;
  const dfuInterface = hasSerial ? 2 : 0;
  const deviceClass = hasSerial ? COMPOSITE : BY_INTERFACE;
  const common = [...u16(DEVICE.usbVersion), ...deviceClass, CONTROL_PACKET_BYTES];
  const ids = [...u16(DEVICE.vendorId), ...u16(DEVICE.productId), ...u16(DEVICE.version)];
  const microsoftSet = microsoftDescriptorSet(hasSerial ? dfuInterface : undefined);
  return {
    device: descriptor(
      DESCRIPTOR.device,
      ...common,
      ...ids,
      STRING.manufacturer,
      STRING.product,
      STRING.serial,
      1 /* configurations */,
    ),
    qualifier: descriptor(DESCRIPTOR.qualifier, ...common, 1 /* configurations */, 0),
    configuration: configuration(DESCRIPTOR.configuration, HIGH_SPEED, dfuInterface, options),
    otherSpeed: configuration(DESCRIPTOR.otherSpeed, FULL_SPEED, dfuInterface, options),
    binaryObjectStore: binaryObjectStore(microsoftSet.length),
    microsoftSet,
    strings: [
      descriptor(DESCRIPTOR.string, ...u16(US_ENGLISH)),
      ...[...deviceNames(identity), ...DFU_SETTINGS, 'mmfree serial port'].map((text) =>
        descriptor(DESCRIPTOR.string, ...utf16(text.slice(0, MAX_STRING_LENGTH))),
      ),
    ],
    dfuInterface,
    hasSerial,
  };
}

/** Manufacturer, product and serial number. */
export function deviceNames({ board, serial }: BoardIdentity): readonly [string, string, string] {
  return ['mmfree', `mmfree board (${board})`, serial];
}

/** What differs between the speeds. */
interface Speed {
  readonly bulkBytes: number;
  /** `bInterval` for about 32 ms. */
  readonly interval: number;
}

const HIGH_SPEED: Speed = { bulkBytes: 512, interval: 9 };
const FULL_SPEED: Speed = { bulkBytes: 64, interval: 32 };

function configuration(
  type: number,
  speed: Speed,
  dfuInterface: number,
  { hasSerial, dfuProtocol, dfuAttributes }: DescriptorOptions,
): Uint8Array {
  const functions = concat(
    ...(hasSerial ? serialPort(speed) : []),
    ...dfuDescriptors(dfuInterface, STRING.settings, dfuProtocol, dfuAttributes),
  );
  const interfaces = hasSerial ? 3 : 1;
  const head = [...u16(9 + functions.length), interfaces, 1 /* its number */, 0 /* no name */, BUS_POWERED, MAX_POWER];
  return concat(descriptor(type, ...head), functions);
}

function serialPort({ bulkBytes, interval }: Speed): Uint8Array[] {
  const [control, data] = [SERIAL_CONTROL_INTERFACE, SERIAL_DATA_INTERFACE];
  const [INTERRUPT, BULK] = [3, 2];
  return [
    descriptor(DESCRIPTOR.interfaceAssociation, control, 2, CDC, ABSTRACT_CONTROL_MODEL, 0, STRING.serialPort),
    descriptor(DESCRIPTOR.interface, control, 0, 1, CDC, ABSTRACT_CONTROL_MODEL, 0, STRING.serialPort),
    descriptor(DESCRIPTOR.cdcFunctional, 0 /* header */, ...u16(0x0120)),
    descriptor(DESCRIPTOR.cdcFunctional, 1 /* call management: none */, 0, data),
    descriptor(DESCRIPTOR.cdcFunctional, 2 /* abstract control management */, ACM_CAPABILITIES),
    descriptor(DESCRIPTOR.cdcFunctional, 6 /* union */, control, data),
    descriptor(DESCRIPTOR.endpoint, NOTIFICATION_ENDPOINT, INTERRUPT, ...u16(16), interval),
    descriptor(DESCRIPTOR.interface, data, 0, 2, CDC_DATA, 0, 0, 0),
    descriptor(DESCRIPTOR.endpoint, BULK_OUT_ENDPOINT, BULK, ...u16(bulkBytes), 0),
    descriptor(DESCRIPTOR.endpoint, BULK_IN_ENDPOINT, BULK, ...u16(bulkBytes), 0),
  ];
}

/** The alternate settings, and the functional descriptor behind the last one. @param names string indices */
export function dfuDescriptors(
  interfaceNumber: number,
  names: readonly number[],
  protocol: 1 | 2,
  attributes: number,
): Uint8Array[] {
  // In the runtime there is nothing to choose from.
  const settings = protocol === 1 ? names.slice(0, 1) : names;
  const kind = [0 /* endpoints */, APPLICATION_SPECIFIC, DFU_SUBCLASS, protocol];
  const functional = [attributes, ...u16(DETACH_TIMEOUT_MS), ...u16(TRANSFER_BYTES), ...u16(0x0110 /* DFU 1.1 */)];
  return [
    ...settings.map((name, alternate) => descriptor(DESCRIPTOR.interface, interfaceNumber, alternate, ...kind, name)),
    descriptor(DESCRIPTOR.dfuFunctional, ...functional),
  ];
}
