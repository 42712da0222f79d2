/** The serial port of a board on USB: that of the very device, whatever name it has after a restart. */

import { BoardError, boardDenied } from '../board-error.js';
import { deviceNode } from '../finding/read-device-node.js';
import { findSame, waitForSame } from './same-device.js';
import type { DeviceIdentity, WaitOptions } from './same-device.js';
import type { Transport } from '../transport/transport.js';
import type { UsbHost } from './usb-device.js';
import { isSerialControl } from './usb-classes.js';
import { noSerialPort } from './usb-error.js';

/**
 * Waits for the port, as the kernel needs a moment for its driver and udev one for its rights, and opens it.
 *
 * @throws BoardError `board-lost`, `board-denied`, `board-wrong-driver` or `board-busy`; AbortError
 */
export async function openPort(host: UsbHost, identity: DeviceIdentity, options: WaitOptions): Promise<Transport> {
  try {
    const info = await waitForSame(host, identity, (device) => host.hasPort(device), options);
    return await host.openPort(info, options.signal);
  } catch (error) {
    if (!(error instanceof BoardError && error.code === 'board-lost')) throw error;
    const info = findSame(await host.list(options.signal), identity);
    const serial = info?.interfaces.find(isSerialControl);
    if (info === undefined || serial === undefined || host.hasPort(info)) throw error;
    if (serial.port === undefined) throw noSerialPort(host.nameOf(info), info.path, serial.number, serial.driver);
    throw boardDenied(deviceNode(serial.port), error);
  }
}
