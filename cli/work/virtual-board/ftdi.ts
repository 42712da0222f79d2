/**
 * `--ftdi` of `mmfree virtual-board`: an FPGA board behind USB/IP. What is written into its SPI flash is kept there;
 * what answers on its UART is the firmware, which has a flash of its own.
 */
import { systemClock } from '../../../device/clock.js';
import { VirtualFpgaBoard } from '../../../firmware-host/virtual/ftdi/virtual-fpga-board.js';
import { UsbIpServer } from '../../../firmware-host/virtual/usbip/usbip-server.js';
import type { BoardUsb, BoardUsbOptions } from './board-usb.js';
import { listenAt } from '../listen-address.js';
import { openFlash } from './open-flash.js';
import { usbipAddress } from './usbip-address.js';

export interface BoardFtdiInput {
  /** Where a USB/IP server listens. */
  readonly ftdi: string | undefined;
  readonly spiFlashFile: string | undefined;
  /** Whether everybody on the network may have the board. */
  readonly open: boolean;
}

/** As on the iCEBreaker: a W25Q128JV. */
const FLASH_BYTES = 2 ** 24;

/** @throws UsageError; the operating system's error */
export async function openBoardFtdi(
  { ftdi, spiFlashFile, open }: BoardFtdiInput & { readonly ftdi: string },
  { identity, now, onWire, onTransfer }: BoardUsbOptions,
): Promise<BoardUsb> {
  const store = openFlash('--spi-flash-file', spiFlashFile, FLASH_BYTES);
  const server = await listenAt(
    '--ftdi',
    ftdi,
    { open, isKeyed: undefined },
    async (host, number) => await UsbIpServer.open(host, number),
  ).catch((error: unknown) => {
    store.close();
    throw error;
  });
  const port = server.addPort();
  const { device } = new VirtualFpgaBoard({
    serial: identity.serial,
    store,
    now,
    after: (delayMs, run) => systemClock.after(delayMs, run),
    onReady: () => port.flush(),
    onWire,
  });
  const { address } = server;
  const { selector, attach } = usbipAddress(address, port.busId);
  return {
    peripheral: {
      powerUp: () => port.plug(device, onTransfer),
      powerDown: () => {
        port.unplug();
        device.unplug();
      },
    },
    text: attach,
    note: `its flash: mmfree gateware flash --board ${selector}`,
    facts: { kind: 'ftdi', ...address, bus_id: port.busId, programmer: selector },
    close: () => {
      server.close();
      store.close();
      return Promise.resolve();
    },
  };
}
