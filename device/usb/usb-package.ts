/**
 * USB devices of this computer through the package `usb` 3 (nusb behind WebUSB's interface), which is loaded when the
 * first device is opened.
 *
 * What is unusual about it, and mended here: a STALL is an exception; transfers time out after 1 s unless told
 * otherwise; errors are text; a transfer needs some interface to be claimed, also one to the device itself; closing a
 * device does not release its interfaces.
 */

import { BoardError } from '../board-error.js';
import { USB_LIMIT_MS } from './usb-device.js';
import type { UsbDevice, UsbDeviceInfo, UsbInResult, UsbOutResult, UsbSetup } from './usb-device.js';
import { sysfsDevices } from './sysfs.js';
import { SERIAL_CONTROL } from './usb-classes.js';
import { usbBusy, usbDenied, usbLost, usbSilent, usbUnavailable, usbWrongDriver } from './usb-error.js';

/** As long as a bulk transfer may wait before it ends with nothing. */
const BULK_TIMEOUT_MS = 6000;

/** As much of the package's `UsbDevice` as is used. */
interface PackageDevice {
  readonly vendorId: number;
  readonly productId: number;
  readonly deviceVersionMajor: number;
  readonly deviceVersionMinor: number;
  readonly deviceVersionSubminor: number;
  readonly bus: string;
  readonly address: number;
  readonly ports: readonly number[];
  readonly serialNumber: string | null;
  readonly manufacturerName: string | null;
  readonly productName: string | null;
  readonly configuration: {
    readonly interfaces: readonly {
      readonly interfaceNumber: number;
      readonly alternate: {
        readonly interfaceClass: number;
        readonly interfaceSubclass: number;
        readonly interfaceProtocol: number;
      };
    }[];
  };
  open(): Promise<void>;
  close(): Promise<void>;
  reset(): Promise<void>;
  claimInterface(interfaceNumber: number): Promise<void>;
  releaseInterface(interfaceNumber: number): Promise<void>;
  /** On Linux; elsewhere they fail. */
  detachKernelDriver(interfaceNumber: number): Promise<void>;
  attachKernelDriver(interfaceNumber: number): Promise<void>;
  selectAlternateInterface(interfaceNumber: number, alternate: number): Promise<void>;
  controlTransferIn(setup: UsbSetup, length: number, timeoutMs?: number): Promise<UsbInResult>;
  controlTransferOut(setup: UsbSetup, data: Uint8Array<ArrayBuffer>, timeoutMs?: number): Promise<UsbOutResult>;
  transferIn(endpoint: number, length: number, timeoutMs?: number): Promise<UsbInResult>;
  transferOut(endpoint: number, data: Uint8Array<ArrayBuffer>, timeoutMs?: number): Promise<UsbOutResult>;
  clearHalt(direction: 'in' | 'out', endpoint: number): Promise<void>;
}

/** All devices that the package sees. @throws BoardError `usb-unavailable` */
async function packageDevices(): Promise<readonly PackageDevice[]> {
  try {
    const { usb } = await import('usb');
    return (await usb.getDevices()) as unknown as readonly PackageDevice[];
  } catch (cause) {
    throw usbUnavailable(cause);
  }
}

/**
 * What is plugged in, on systems without sysfs, with the serial ports that the package `serialport` finds. Where the
 * package `usb` does not load, devices with a serial port are found all the same, and cannot be flashed over USB.
 */
export async function listPackageDevices(): Promise<UsbDeviceInfo[]> {
  const { SerialPort } = await import('serialport');
  const ports = (await SerialPort.list()).flatMap(portInfo);
  const devices = (await packageDevices().catch(() => [])).flatMap((device) => {
    try {
      return [infoOf(device)];
    } catch {
      // Of a device that nobody may open, its strings and interfaces cannot be had: it cannot be flashed either.
      return [];
    }
  });
  const isSame = (a: UsbDeviceInfo, b: UsbDeviceInfo): boolean =>
    a.vendor === b.vendor && a.product === b.product && a.serial === b.serial;
  const paired = devices.map((info) => {
    const port = ports.find((other) => isSame(info, other));
    return port === undefined ? info : { ...info, interfaces: [...port.interfaces, ...info.interfaces] };
  });
  return [...paired, ...ports.filter((port) => !devices.some((info) => isSame(info, port)))];
}

/** A port as a device of which only that is known. */
function portInfo(port: {
  readonly path: string;
  readonly vendorId?: string | undefined;
  readonly productId?: string | undefined;
  readonly serialNumber?: string | undefined;
  readonly manufacturer?: string | undefined;
  readonly locationId?: string | undefined;
}): UsbDeviceInfo[] {
  const vendor = Number.parseInt(port.vendorId ?? '', 16);
  const product = Number.parseInt(port.productId ?? '', 16);
  if (Number.isNaN(vendor) || Number.isNaN(product)) return [];
  const { path, serialNumber: serial = '', manufacturer: name = '' } = port;
  const interfaces = [{ number: 0, ...SERIAL_CONTROL, protocol: 0, port: path }];
  return [{ path: port.locationId ?? path, vendor, product, release: 0, serial, name, interfaces, address: 0 }];
}

function infoOf(device: PackageDevice): UsbDeviceInfo {
  const { deviceVersionMajor, deviceVersionMinor, deviceVersionSubminor } = device;
  return {
    path: pathOf(device),
    vendor: device.vendorId,
    product: device.productId,
    release: (deviceVersionMajor << 8) | (deviceVersionMinor << 4) | deviceVersionSubminor,
    serial: device.serialNumber ?? '',
    name: [device.manufacturerName, device.productName].filter(Boolean).join(' '),
    interfaces: device.configuration.interfaces.map(({ interfaceNumber, alternate }) => ({
      number: interfaceNumber,
      class: alternate.interfaceClass,
      subclass: alternate.interfaceSubclass,
      protocol: alternate.interfaceProtocol,
    })),
    address: device.address,
  };
}

/** As sysfs names it; there the bus has leading zeros. */
function pathOf({ bus, ports }: PackageDevice): string {
  return `${bus.replace(/^0+(?=\d)/, '')}-${ports.join('.')}`;
}

/** The device, not opened yet. @throws BoardError */
export async function packageDevice(name: string, info: UsbDeviceInfo): Promise<UsbDevice> {
  if (info.node?.mayOpen === false && info.node.mode !== '') throw usbDenied(name, info.node);
  const devices = await packageDevices();
  const device = devices.find((other) => pathOf(other) === info.path && other.address === info.address);
  if (device === undefined) throw usbLost(name, 'It was unplugged, or is starting again.');
  return adapt(device, name, info);
}

function adapt(device: PackageDevice, name: string, info: UsbDeviceInfo): UsbDevice {
  const claimed = new Set<number>();
  /** From a driver of the kernel. */
  const taken = new Set<number>();
  /** A STALL as the answer that it is. */
  const stallOr = <T>(error: unknown, limitMs: number, stall: T): T => {
    if (/stall/i.test(messageOf(error))) return stall;
    throw transferError(name, error, limitMs);
  };
  return {
    open: () => device.open().catch((error: unknown) => Promise.reject(openError(name, info, error))),
    close: async () => {
      for (const interfaceNumber of claimed) await device.releaseInterface(interfaceNumber).catch(() => {});
      for (const interfaceNumber of taken) await device.attachKernelDriver(interfaceNumber).catch(() => {});
      await device.close();
    },
    reset: () => device.reset().catch((error: unknown) => Promise.reject(transferError(name, error))),
    claimInterface: async (interfaceNumber, takeFrom) => {
      // Only that very driver: to the kernel a program that has claimed the interface is one too.
      if (takeFrom !== undefined && driverOf(seen(info), interfaceNumber) === takeFrom) {
        await device
          .detachKernelDriver(interfaceNumber)
          .catch((error: unknown) => Promise.reject(claimError(name, info, interfaceNumber, error)));
        taken.add(interfaceNumber);
      }
      await device
        .claimInterface(interfaceNumber)
        .catch((error: unknown) => Promise.reject(claimError(name, info, interfaceNumber, error)));
      claimed.add(interfaceNumber);
    },
    selectAlternateInterface: (interfaceNumber, alternate) =>
      device
        .selectAlternateInterface(interfaceNumber, alternate)
        .catch((error: unknown) => Promise.reject(transferError(name, error))),
    controlTransferIn: (setup, length, limitMs) =>
      device
        .controlTransferIn(setup, length, limitMs)
        .catch((error: unknown) => stallOr(error, limitMs, { status: 'stall' as const })),
    controlTransferOut: (setup, data, limitMs) =>
      device
        .controlTransferOut(setup, data, limitMs)
        .catch((error: unknown) => stallOr(error, limitMs, { status: 'stall' as const, bytesWritten: 0 })),
    transferIn: (endpoint, length) =>
      device
        .transferIn(endpoint, length, BULK_TIMEOUT_MS)
        .catch((error: unknown) => stallOr(error, BULK_TIMEOUT_MS, { status: 'stall' as const })),
    transferOut: (endpoint, data) =>
      device
        .transferOut(endpoint, data, BULK_TIMEOUT_MS)
        .catch((error: unknown) => stallOr(error, BULK_TIMEOUT_MS, { status: 'stall' as const, bytesWritten: 0 })),
    clearHalt: (direction, endpoint) =>
      device.clearHalt(direction, endpoint).catch((error: unknown) => Promise.reject(transferError(name, error))),
  };
}

/** What is the case is seen in sysfs; the text of the error only decides where that says nothing. */
function openError(name: string, info: UsbDeviceInfo, error: unknown): BoardError {
  const now = seen(info);
  if (now === 'gone') return usbLost(name, 'It was unplugged, or is starting again.', error);
  if (now?.node?.mayOpen === false) return usbDenied(name, now.node, error);
  const text = messageOf(error);
  if (/denied|not permitted|EACCES|EPERM/i.test(text) && info.node !== undefined) {
    return usbDenied(name, info.node, error);
  }
  if (/busy|EBUSY/i.test(text)) return usbBusy(name, error);
  return usbLost(name, `It cannot be opened (${text}).`, error);
}

function claimError(name: string, info: UsbDeviceInfo, interfaceNumber: number, error: unknown): BoardError {
  const now = seen(info);
  if (now === 'gone') return usbLost(name, 'It was unplugged, or is starting again.', error);
  const driver = driverOf(now, interfaceNumber);
  // That is the kernel's name for a program that has claimed an interface.
  if (driver === 'usbfs' || (driver === undefined && /busy/i.test(messageOf(error)))) return usbBusy(name, error);
  if (driver !== undefined) return usbWrongDriver(name, info.path, interfaceNumber, driver);
  return usbLost(name, `Its interface ${interfaceNumber} cannot be used (${messageOf(error)}).`, error);
}

function transferError(name: string, error: unknown, limitMs = USB_LIMIT_MS): BoardError {
  const text = messageOf(error);
  if (/cancelled|timed out/i.test(text)) return usbSilent(name, limitMs);
  return usbLost(name, `A transfer failed (${text}).`, error);
}

/** The device as it is now; undefined where there is no sysfs. */
function seen({ path, address, node }: UsbDeviceInfo): UsbDeviceInfo | 'gone' | undefined {
  if (node === undefined) return undefined;
  return sysfsDevices().find((device) => device.path === path && device.address === address) ?? 'gone';
}

function driverOf(device: ReturnType<typeof seen>, interfaceNumber: number): string | undefined {
  if (device === 'gone') return undefined;
  return device?.interfaces.find(({ number }) => number === interfaceNumber)?.driver;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
