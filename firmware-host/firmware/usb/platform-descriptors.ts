/**
 * What Windows and browsers look for: the binary object store (USB 2.0 ECN of LPM; WebUSB, section 4) and the
 * descriptor set of Microsoft ("Microsoft OS 2.0 Descriptors Specification"), by which Windows binds WinUSB to the DFU
 * function without a driver to install, and only to it: the serial port keeps its own driver.
 */

import { concat, descriptor, u16, u32, utf16, uuid } from './descriptor-bytes.js';

/** `bRequest` of the request for the set, and its `wIndex`. */
export const MICROSOFT_VENDOR_CODE = 1;
export const MICROSOFT_SET_INDEX = 7;
const WEBUSB_VENDOR_CODE = 2;

const BINARY_OBJECT_STORE = 15;
const DEVICE_CAPABILITY = 16;
const PLATFORM = 5;

const WEBUSB = uuid('3408b638-09a9-47a0-8bfd-a0768815b665');
const MICROSOFT_OS_2 = uuid('d8dd60df-4589-4cc7-9cd2-659d9e648a9f');
/** Windows 8.1 and later. */
const WINDOWS_VERSION = u32(0x0603_0000);

/** By which programs on Windows find the DFU function; made for this project. */
const INTERFACE_GUID = '{5d0f9b1c-8f57-4e0a-a3a6-6b1c2f6c6d21}';

/** Without a "USB 2.0 extension", which is for link power management: lsusb complains of one that has none. */
export function binaryObjectStore(microsoftSetLength: number): Uint8Array {
  const capabilities = concat(
    descriptor(DEVICE_CAPABILITY, PLATFORM, 0, ...WEBUSB, ...u16(0x0100), WEBUSB_VENDOR_CODE, 0 /* no page */),
    descriptor(
      DEVICE_CAPABILITY,
      PLATFORM,
      0,
      ...MICROSOFT_OS_2,
      ...WINDOWS_VERSION,
      ...u16(microsoftSetLength),
      MICROSOFT_VENDOR_CODE,
      0 /* nothing to switch */,
    ),
  );
  return concat(descriptor(BINARY_OBJECT_STORE, ...u16(5 + capabilities.length), 2), capabilities);
}

/** Parts of the set: `wDescriptorType`. */
const PART = { setHeader: 0, configuration: 1, function: 2, compatibleId: 3, registryProperty: 4 } as const;

/** @param functionInterface first interface of the DFU function; undefined if the device is nothing else */
export function microsoftDescriptorSet(functionInterface: number | undefined): Uint8Array {
  const features = concat(
    part(PART.compatibleId, ...Buffer.from('WINUSB\0\0'), ...u32(0), ...u32(0)),
    registryProperty('DeviceInterfaceGUIDs', [INTERFACE_GUID]),
  );
  const body =
    functionInterface === undefined
      ? features
      : subset(PART.configuration, 0, subset(PART.function, functionInterface, features));
  const header = part(PART.setHeader, ...WINDOWS_VERSION, ...u16(10 + body.length));
  return concat(header, body);
}

/** A header for what follows in it. @param of number of the configuration (from 0) or of the first interface */
function subset(type: number, of: number, contents: Uint8Array): Uint8Array {
  return concat(part(type, of, 0, ...u16(8 + contents.length)), contents);
}

function registryProperty(name: string, values: readonly string[]): Uint8Array {
  const MULTI_SZ = 7;
  const nameBytes = utf16(`${name}\0`);
  const valueBytes = utf16(`${values.join('\0')}\0\0`);
  return part(
    PART.registryProperty,
    ...u16(MULTI_SZ),
    ...u16(nameBytes.length),
    ...nameBytes,
    ...u16(valueBytes.length),
    ...valueBytes,
  );
}

function part(type: number, ...fields: readonly number[]): Uint8Array {
  return Uint8Array.of(...u16(4 + fields.length), ...u16(type), ...fields);
}
