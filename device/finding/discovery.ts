/**
 * Which boards there are, and which one is meant. Loaded by every `run` that names none, so without what talks to
 * boards.
 */

import { BoardError, boardAmbiguous, boardDenied, boardNotFound, noBoard } from '../board-error.js';
import { deviceNode } from './read-device-node.js';
import { addressText, isUsbNamed, parseSelector, selectorText, usbipHost } from '../selector.js';
import type { BoardAddress, BoardSelector } from '../selector.js';
import { listSerialPorts } from './serial-ports.js';
import { bootModeOf, isOurs } from '../usb/ids.js';
import type { BootMode } from '../usb/ids.js';
import { localUsb, portOf } from '../usb/local-usb.js';
import { hasDfu, isSerialControl, NO_PORT } from '../usb/usb-classes.js';
import type { UsbDeviceInfo, UsbHost } from '../usb/usb-device.js';
import { noSerialPort, programmerOnly, usbBroken, usbDenied } from '../usb/usb-error.js';
import { usbKind } from '../usb/usb-kind.js';
import type { UsbKind } from '../usb/usb-kind.js';
import { listVirtualBoards } from './virtual-boards.js';

/** A board, or something that may be one. */
export interface FoundBoard {
  readonly address: BoardAddress;
  /** `virtual` and `network` are boards of ours too. */
  readonly kind: 'virtual' | 'network' | UsbKind;
  /** Empty if not known. */
  readonly serial: string;
  /** For people: what it calls itself. */
  readonly name: string;
  readonly usb?: UsbDeviceInfo;
  /** Of the process that is a virtual board. */
  readonly pid?: number;
  /** Why this user cannot talk to it over its serial port. */
  readonly portProblem?: BoardError;
  /** Why this user cannot flash it over USB. */
  readonly flashProblem?: BoardError;
}

/** Where a flash goes. */
export type FlashTarget =
  /** Over DFU. */
  | { readonly kind: 'usb'; readonly host: UsbHost; readonly info: UsbDeviceInfo; readonly isOurs: boolean }
  /** Over PICOBOOT. */
  | {
      readonly kind: 'boot-mode';
      readonly host: UsbHost;
      readonly info: UsbDeviceInfo;
      readonly chip: BootMode['chip'];
    }
  /** Over the framed protocol. */
  | { readonly kind: 'session'; readonly address: BoardAddress };

/** Everything that is plugged in or runs. Nothing is opened. */
export async function findBoards(): Promise<FoundBoard[]> {
  const devices = await localUsb.list();
  const usb = devices.flatMap((info) => usbBoard(info) ?? []);
  const ports = (await listSerialPorts()).map(({ path }): FoundBoard => ({ ...portAt(path), serial: '', name: '' }));
  const virtual = listVirtualBoards().flatMap(({ pid, serial, addresses }): FoundBoard[] => {
    const address = parseSelector(addresses[0] ?? '');
    if (address === undefined || !isAddress(address)) return [];
    return [{ address, kind: 'virtual', serial, name: 'virtual board', pid }];
  });
  // A virtual board may be attached to this computer's USB, and is one board all the same.
  const attached = new Set(usb.filter(({ kind }) => kind === 'usb').map(({ serial }) => serial));
  return [...virtual.filter(({ serial }) => !attached.has(serial)), ...usb, ...ports];
}

/** Everything that a selector names: all that a USB/IP server shares, or one board. @throws BoardError; AbortError */
export async function boardsNamed(selector: BoardSelector, signal?: AbortSignal): Promise<FoundBoard[]> {
  if (selector.kind === 'usbip') return await boardsOfServer(selector, signal);
  if (!isAddress(selector)) return [await theBoard(selector, fits)];
  const text = addressText(selector);
  const known = (await findBoards()).find(({ address }) => addressText(address) === text);
  if (known !== undefined) return [known];
  return [{ address: selector, kind: selector.kind === 'tcp' ? 'network' : 'port', serial: '', name: '' }];
}

async function boardsOfServer(
  { host, port, busId }: BoardAddress & { kind: 'usbip' },
  signal?: AbortSignal,
): Promise<FoundBoard[]> {
  const server = await usbipHost(host, port);
  const devices = busId === undefined ? await server.list(signal) : [await server.find(busId, [], signal)];
  return devices.flatMap((info): FoundBoard[] => {
    const kind = server.kindOf(info);
    if (kind === undefined) return [];
    const name = server.nameOf(info);
    const portProblem =
      kind === 'ftdi' ? programmerOnly(name) : server.hasPort(info) ? undefined : boardNotFound(name, NO_PORT);
    const address = { kind: 'usbip', host, port, busId: info.path } as const;
    return [{ address, kind, serial: info.serial, name: info.name, usb: info, ...(portProblem && { portProblem }) }];
  });
}

/** Undefined for devices with nothing in which a board can be reached. */
function usbBoard(info: UsbDeviceInfo): FoundBoard | undefined {
  const port = portOf(info);
  const kind = usbKind(info, port !== undefined);
  const facts = { serial: info.serial, name: info.name, usb: info };
  if (kind === undefined) return undefined;
  if (kind === 'ftdi') return { ...ftdiBoard(info), ...facts };
  if (kind === 'port') return { ...portAt(port!), ...facts };
  const address: BoardAddress = { kind: 'usb', device: info };
  const name = localUsb.nameOf(info);
  const portProblem = port === undefined ? missingPort(info, name) : deniedPort(port);
  const { node } = info;
  const canFlash = kind === 'drive' || hasDfu(info);
  const flashProblem = node !== undefined && !node.mayOpen && canFlash ? usbDenied(name, node) : undefined;
  return {
    address,
    kind,
    ...facts,
    ...(portProblem && { portProblem }),
    ...(flashProblem && { flashProblem }),
  };
}

/** On FPGA boards the serial port of the second channel is the FPGA's, while the first one leads to its flash. */
function ftdiBoard(info: UsbDeviceInfo): Pick<FoundBoard, 'address' | 'kind' | 'portProblem'> {
  const { port } = info.interfaces.find(({ number }) => number === 1) ?? info.interfaces[0] ?? {};
  if (port !== undefined) return { ...portAt(port), kind: 'ftdi' };
  const reason = 'The kernel has made no serial port of its second channel.';
  const portProblem = boardNotFound(localUsb.nameOf(info), reason);
  return { address: { kind: 'usb', device: info }, kind: 'ftdi', portProblem };
}

function portAt(path: string): Pick<FoundBoard, 'address' | 'kind' | 'portProblem'> {
  const portProblem = deniedPort(path);
  return { address: { kind: 'serial', path, baudRate: 115_200 }, kind: 'port', ...(portProblem && { portProblem }) };
}

function deniedPort(path: string): BoardError | undefined {
  const node = deviceNode(path);
  return node.mayOpen ? undefined : boardDenied(node);
}

function missingPort(info: UsbDeviceInfo, name: string): BoardError {
  if (info.interfaces.length === 0) return usbBroken(name, 'the system finds no interface in its descriptors');
  const serial = info.interfaces.find(isSerialControl);
  if (serial !== undefined) return noSerialPort(name, info.path, serial.number, serial.driver);
  return boardNotFound(name, NO_PORT);
}

/**
 * The one board that is meant: by a selector, or because there is no other.
 *
 * @throws BoardError `board-not-found`, `board-ambiguous`, `board-denied` or `board-wrong-driver`
 */
export async function selectBoard(selector: BoardSelector | undefined): Promise<BoardAddress> {
  if (selector !== undefined && isAddress(selector)) return selector;
  const board = await theBoard(selector, fits);
  if (board.portProblem !== undefined) throw board.portProblem;
  return board.address;
}

/**
 * Where the one board that is meant is flashed: over DFU if it is on USB, over PICOBOOT if it is a microcontroller in
 * boot mode, which is meant without being named too, over the protocol if its port was named.
 *
 * @param anyDevice whether boards of other makes are meant too
 * @throws BoardError `board-not-found`, `board-ambiguous` or `board-denied`; AbortError
 */
export async function selectFlashTarget(
  selector: BoardSelector | undefined,
  anyDevice: boolean,
  signal?: AbortSignal,
): Promise<FlashTarget> {
  if (selector?.kind === 'usbip') return await usbipTarget(selector, anyDevice, signal);
  if (selector !== undefined && isAddress(selector)) return { kind: 'session', address: selector };
  const board = await theBoard(selector, (found, wanted) => {
    if (wanted !== undefined) return fits(found, wanted);
    return anyDevice ? found.kind === 'dfu' : found.kind === 'drive' || fits(found, wanted);
  });
  const { usb, flashProblem, portProblem, address } = board;
  if (address.kind === 'usbip') return await usbipTarget(address, anyDevice, signal);
  const boot = anyDevice || usb === undefined ? undefined : bootModeTarget(localUsb, usb);
  if (boot !== undefined) return boot;
  if (usb !== undefined && (hasDfu(usb) || anyDevice)) {
    if (flashProblem !== undefined) throw flashProblem;
    // Without its port it could not prove what it runs; in DFU mode it has none yet.
    if (!anyDevice && portProblem !== undefined && portProblem.code !== 'board-not-found') throw portProblem;
    return { kind: 'usb', host: localUsb, info: usb, isOurs: isOurs(usb) };
  }
  if (portProblem !== undefined) throw portProblem;
  return { kind: 'session', address };
}

async function usbipTarget(
  { host, port, busId }: BoardAddress & { kind: 'usbip' },
  anyDevice: boolean,
  signal?: AbortSignal,
): Promise<FlashTarget> {
  const server = await usbipHost(host, port);
  const info = await server.find(busId, anyDevice ? ['dfu', 'usb', 'ftdi'] : ['usb', 'drive', 'ftdi'], signal);
  if (server.kindOf(info) === 'ftdi') throw programmerOnly(server.nameOf(info));
  const boot = anyDevice ? undefined : bootModeTarget(server, info);
  if (boot !== undefined) return boot;
  if (!anyDevice && !hasDfu(info)) return { kind: 'session', address: { kind: 'usbip', host, port, busId: info.path } };
  return { kind: 'usb', host: server, info, isOurs: isOurs(info) };
}

/** Undefined if it is not in boot mode. */
function bootModeTarget(host: UsbHost, info: UsbDeviceInfo): FlashTarget | undefined {
  const boot = bootModeOf(info);
  return boot && { kind: 'boot-mode', host, info, chip: boot.chip };
}

async function theBoard(
  selector: BoardSelector | undefined,
  isMeant: (board: FoundBoard, selector: BoardSelector | undefined) => boolean,
): Promise<FoundBoard> {
  const fitting = (await findBoards()).filter((board) => isMeant(board, selector));
  const [board, ...others] = fitting;
  if (board === undefined)
    throw selector === undefined ? noBoard() : boardNotFound(selectorText(selector), 'Nothing like it is plugged in.');
  if (others.length > 0) throw boardAmbiguous(fitting.map(({ address }) => addressText(address)));
  return board;
}

/** The one board of ours that is there; undefined if there is none. @throws BoardError `board-ambiguous` */
export async function onlyBoard(): Promise<BoardAddress | undefined> {
  try {
    return await selectBoard(undefined);
  } catch (error) {
    if (error instanceof BoardError && error.code === 'board-not-found') return undefined;
    throw error;
  }
}

function isAddress(selector: BoardSelector): selector is Exclude<BoardAddress, { kind: 'usb' }> {
  return selector.kind === 'serial' || selector.kind === 'tcp' || selector.kind === 'usbip';
}

/** Kinds that only who names one means. */
const OTHERS: ReadonlySet<FoundBoard['kind']> = new Set(['port', 'dfu', 'ftdi', 'drive']);

function fits(board: FoundBoard, selector: BoardSelector | undefined): boolean {
  // Without being told to, nothing is sent to what may be a modem or a 3D printer.
  if (selector === undefined) return !OTHERS.has(board.kind);
  if (selector.kind === 'serial-number') return board.serial === selector.serial;
  return board.usb !== undefined && isUsbNamed(board.usb, selector);
}
