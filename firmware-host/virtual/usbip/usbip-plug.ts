/** A board in a port of a USB/IP server: leaves the bus when its power goes, and is there again when it comes back. */

import type { Peripheral } from '../../board-program.js';
import { BoardDevice } from '../../firmware/usb/board-device.js';
import type { BoardDeviceOptions } from '../../firmware/usb/board-device.js';
import type { UsbIpPort } from './usbip-server.js';

export interface UsbIpPlugOptions extends Omit<BoardDeviceOptions, 'board' | 'onReady'> {
  readonly port: UsbIpPort;
  /** Is called after every transfer. */
  readonly onTransfer: () => void;
}

export function usbIpPlug({ port, onTransfer, ...options }: UsbIpPlugOptions): Peripheral {
  let device: BoardDevice | undefined;
  return {
    powerUp: (board) => {
      device = new BoardDevice({ ...options, board, onReady: () => port.flush() });
      port.plug(device, onTransfer);
    },
    powerDown: () => {
      port.unplug();
      device?.unplug();
      device = undefined;
    },
  };
}
