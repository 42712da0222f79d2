/**
 * The part of WebUSB (https://wicg.github.io/webusb/) that is used here. A `UsbDevice` of the package `usb`, that of a
 * browser, one behind USB/IP and the fakes of the tests all have this shape.
 */

import type { DeviceNode } from '../device-node.js';
import type { Transport } from '../transport/transport.js';

/** A device may take so long to answer (USB 2.0, 9.2.6.4). */
export const USB_LIMIT_MS = 5000;

export interface UsbDevice {
  open(): Promise<void>;
  close(): Promise<void>;
  /** Resets its port. It may come back as another device, which then fails. */
  reset(): Promise<void>;
  /**
   * @param takeFrom a driver of the kernel that may be taken off it, and gets it back when the device is closed; where
   * the kernel has none it means nothing
   */
  claimInterface(interfaceNumber: number, takeFrom?: string): Promise<void>;
  selectAlternateInterface(interfaceNumber: number, alternateSetting: number): Promise<void>;
  /**
   * @param limitMs after which the transfer is taken back: control transfers queue, so that one which is only not
   * waited for any more would hold up the next
   */
  controlTransferIn(setup: UsbSetup, length: number, limitMs: number): Promise<UsbInResult>;
  /** `data` is always given: the package `usb` 3 fails without it, although WebUSB has it optional. */
  controlTransferOut(setup: UsbSetup, data: Uint8Array<ArrayBuffer>, limitMs: number): Promise<UsbOutResult>;
  transferIn(endpointNumber: number, length: number): Promise<UsbInResult>;
  transferOut(endpointNumber: number, data: Uint8Array<ArrayBuffer>): Promise<UsbOutResult>;
  /** Ends its STALL; both sides begin again with DATA0. */
  clearHalt(direction: 'in' | 'out', endpointNumber: number): Promise<void>;
}

/**
 * The setup packet of a control transfer (USB 2.0, 9.3); the direction is that of the method, the length that of the
 * data.
 */
export interface UsbSetup {
  readonly requestType: 'standard' | 'class' | 'vendor';
  readonly recipient: 'device' | 'interface' | 'endpoint' | 'other';
  readonly request: number;
  readonly value: number;
  readonly index: number;
}

export type UsbTransferStatus = 'ok' | 'stall' | 'babble';

export interface UsbInResult {
  readonly data?: DataView | undefined;
  readonly status?: UsbTransferStatus | undefined;
}

export interface UsbOutResult {
  readonly bytesWritten: number;
  readonly status?: UsbTransferStatus | undefined;
}

/** An interface as the system sees it; alternate setting 0. */
export interface UsbInterfaceInfo {
  readonly number: number;
  readonly class: number;
  readonly subclass: number;
  readonly protocol: number;
  /** The kernel's driver; absent without one, and where that cannot be known. */
  readonly driver?: string;
  /** Such as `/dev/ttyACM0`. */
  readonly port?: string;
}

/** A device that is plugged in. Known without opening it. */
export interface UsbDeviceInfo {
  /** Where it is plugged in, which stays when it is reset: bus and ports, such as `3-1.4`. */
  readonly path: string;
  readonly vendor: number;
  readonly product: number;
  /** `bcdDevice`. */
  readonly release: number;
  /** Empty if it has none, or it is not known yet. */
  readonly serial: string;
  /** Places of other devices with the same serial number; absent if there are none. */
  readonly twins?: readonly string[];
  /** For people: manufacturer and product. */
  readonly name: string;
  readonly interfaces: readonly UsbInterfaceInfo[];
  /** Changes whenever the device is enumerated again. */
  readonly address: number;
  /** The file that must be opened, and whether this user may; absent where there is no such thing. */
  readonly node?: DeviceNode;
}

/** Where USB devices are: this computer, or a USB/IP server. */
export interface UsbHost {
  /** How a device there is named on the command line. */
  nameOf(info: UsbDeviceInfo): string;
  /** What is plugged in now. @throws BoardError if that cannot be known */
  list(signal?: AbortSignal): Promise<readonly UsbDeviceInfo[]>;
  /** Not opened yet. @throws BoardError */
  device(info: UsbDeviceInfo, signal?: AbortSignal): Promise<UsbDevice>;
  /** Whether the device has a serial port that can be opened now. */
  hasPort(info: UsbDeviceInfo): boolean;
  /** Opens it. @throws BoardError */
  openPort(info: UsbDeviceInfo, signal?: AbortSignal): Promise<Transport>;
  /** Lets go of what it holds between two uses of a device. */
  close(): Promise<void>;
}
