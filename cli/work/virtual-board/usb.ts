/** `--usbip`, `--gadget` and `--ftdi` of `mmfree virtual-board`: the board on USB. */
import { openGadget } from '../../../firmware-host/virtual/gadget/gadget-board.js';
import { deviceControllers } from '../../../firmware-host/virtual/gadget/usb-gadget.js';
import type { DfuMode } from '../../../firmware-host/firmware/usb/dfu.js';
import { usbIpPlug } from '../../../firmware-host/virtual/usbip/usbip-plug.js';
import { UsbIpServer, type UsbIpPort } from '../../../firmware-host/virtual/usbip/usbip-server.js';
import { UsageError } from '../../usage-error.js';
import type { BoardUsb, BoardUsbOptions } from './board-usb.js';
import { openBoardFtdi, type BoardFtdiInput } from './ftdi.js';
import { listenAt } from '../listen-address.js';
import { usbipAddress } from './usbip-address.js';

export interface BoardUsbInput extends BoardFtdiInput {
  /** Where a USB/IP server listens. */
  readonly usbip: string | undefined;
  /** A USB device controller, or `first`. */
  readonly gadget: string | undefined;
  readonly dfu: DfuMode;
}

/** Opens what the user asked for. @throws UsageError; the operating system's error */
export async function openBoardUsb(
  { usbip, gadget, dfu, ftdi, spiFlashFile, open }: BoardUsbInput,
  options: BoardUsbOptions,
): Promise<BoardUsb[]> {
  const ports = Object.entries({ '--usbip': usbip, '--gadget': gadget, '--ftdi': ftdi });
  const [first, second] = ports.flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (first !== undefined && second !== undefined) {
    throw new UsageError('conflicting-options', `${first} and ${second} exclude each other`, {
      reason: 'A board has one USB port; two hosts could write into one flash.',
      fix: 'Leave one of them out.',
    });
  }
  if (spiFlashFile !== undefined && ftdi === undefined) {
    throw new UsageError('conflicting-options', '--spi-flash-file is for boards with --ftdi', {
      reason: 'Others have no flash that hosts write over SPI.',
      fix: 'Add --ftdi, or keep the flash of the firmware in a file: --flash-file',
    });
  }
  if (dfu !== 'always' && usbip === undefined) {
    throw new UsageError('conflicting-options', `--dfu ${dfu} is for boards behind USB/IP`, {
      reason: 'Others have no DFU, or (gadgets) cannot change their descriptors while they are connected.',
      fix: 'Leave --dfu out, or be behind USB/IP: --usbip',
    });
  }
  return [
    ...(usbip === undefined ? [] : [await openUsbIp(usbip, dfu, open, options)]),
    ...(gadget === undefined ? [] : [await openGadgetBoard(gadget, options)]),
    ...(ftdi === undefined ? [] : [await openBoardFtdi({ ftdi, spiFlashFile, open }, options)]),
  ];
}

async function openUsbIp(listen: string, mode: DfuMode, open: boolean, options: BoardUsbOptions): Promise<BoardUsb> {
  const { port, ...usb } = await openUsbIpPort(listen, open);
  return { ...usb, peripheral: usbIpPlug({ ...options, port, mode }) };
}

/** A USB/IP server with a port, into which nothing is plugged yet. @throws UsageError; the operating system's error */
export async function openUsbIpPort(
  listen: string,
  open: boolean,
): Promise<Omit<BoardUsb, 'peripheral'> & { readonly port: UsbIpPort; readonly address: string }> {
  const access = { open, isKeyed: undefined };
  const server = await listenAt(
    '--usbip',
    listen,
    access,
    async (host, number) => await UsbIpServer.open(host, number),
  );
  const port = server.addPort();
  const { address } = server;
  const { selector, attach } = usbipAddress(address, port.busId);
  return {
    port,
    text: attach,
    address: selector,
    facts: { kind: 'usbip', ...address, bus_id: port.busId },
    close: async () => await Promise.resolve(server.close()),
  };
}

async function openGadgetBoard(wanted: string, options: BoardUsbOptions): Promise<BoardUsb> {
  const controllers = deviceControllers();
  const controller = wanted === 'first' ? controllers[0] : controllers.find((name) => name === wanted);
  if (controller === undefined) throw noController(wanted, controllers);
  try {
    const gadget = await openGadget({ ...options, controller });
    return {
      peripheral: gadget,
      text: `USB, by the controller ${controller}`,
      ...(!gadget.isPlain && {
        note: 'Linux before 6.12 puts no DFU functional descriptor where it belongs: dfu-util needs -t 4096',
      }),
      facts: { kind: 'gadget', controller, plain: gadget.isPlain },
      close: async () => await gadget.close(),
    };
  } catch (cause) {
    throw cannotBeGadget(cause);
  }
}

function noController(wanted: string, controllers: readonly string[]): UsageError {
  const isNone = controllers.length === 0;
  const what = isNone ? 'this computer has no USB device controller' : `there is no USB device controller ${wanted}`;
  return new UsageError('conflicting-options', what, {
    reason: isNone
      ? '/sys/class/udc is empty: its USB ports are for hosts, or no driver is loaded.'
      : `There are ${controllers.join(', ')}.`,
    fix: isNone
      ? 'On a Raspberry Pi Zero, 3A+ or 4: add `dtoverlay=dwc2,dr_mode=peripheral` to /boot/firmware/config.txt, and restart it.'
      : `Name one of them: --gadget ${controllers[0]}`,
    facts: { controllers: controllers.join(' ') },
  });
}

function cannotBeGadget(cause: unknown): UsageError {
  const isDenied = cause instanceof Error && 'code' in cause && (cause.code === 'EACCES' || cause.code === 'EPERM');
  return new UsageError('conflicting-options', 'this computer cannot be made a USB device', {
    reason: cause instanceof Error ? cause.message : String(cause),
    fix: isDenied
      ? 'Run it as root, for example by the service of docs/USB.md, section 7.'
      : 'See that the kernel has libcomposite, usb_f_acm and usb_f_fs, and that no other program holds the controller.',
    cause,
  });
}
