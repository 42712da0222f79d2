/** Which boards there are, and which one is meant. */

import type { BoardInfo, Hello } from '../protocol/wire/messages-board.js';
import { BoardError, boardAmbiguous, boardDenied, boardNotFound, noBoard } from './board-error.js';
import { addressText, opener, parseSelector } from './selector.js';
import type { BoardAddress, BoardSelector } from './selector.js';
import { BoardSession } from './session.js';
import { listSerialPorts } from './serial-ports.js';
import { listVirtualBoards } from './virtual-boards.js';

/** A board, or a port with something behind it that may be one. */
export interface FoundBoard {
  readonly address: BoardAddress;
  /** `virtual`, `usb` and `network` are boards of ours; behind a `port` can be anything. */
  readonly kind: 'virtual' | 'usb' | 'network' | 'port';
  /** Empty if not known. */
  readonly serial: string;
  /** For people: what it calls itself. */
  readonly name: string;
  readonly usb?: { readonly vendor: number; readonly product: number };
  /** Whether this user may open it. */
  readonly mayOpen: boolean;
}

/** What a board says of itself when asked. */
export interface BoardState {
  readonly hello: Hello;
  readonly info: BoardInfo;
}

/** pid.codes' id for tests, until a real one is assigned. */
const OUR_VENDOR = 0x1209;
const OUR_PRODUCT = 0x0001;

/** Everything that is plugged in or runs. Nothing is opened. */
export async function findBoards(): Promise<FoundBoard[]> {
  const virtual = listVirtualBoards().flatMap(({ serial, addresses }): FoundBoard[] => {
    const selector = parseSelector(addresses[0] ?? '');
    if (selector === undefined || !isAddress(selector)) return [];
    return [{ address: selector, kind: 'virtual', serial, name: 'virtual board', mayOpen: true }];
  });
  const ports = (await listSerialPorts()).map(({ path, usb, mayOpen }): FoundBoard => {
    const isOurs = usb?.vendor === OUR_VENDOR && usb.product === OUR_PRODUCT;
    return {
      address: { kind: 'serial', path, baudRate: 115_200 },
      kind: isOurs ? 'usb' : 'port',
      serial: usb?.serial ?? '',
      name: usb?.name ?? '',
      ...(usb && { usb: { vendor: usb.vendor, product: usb.product } }),
      mayOpen,
    };
  });
  return [...virtual, ...ports];
}

/**
 * The one board that is meant: by a selector, or because there is no other.
 *
 * @throws BoardError `board-not-found`, `board-ambiguous` or `board-denied`
 */
export async function selectBoard(selector: BoardSelector | undefined): Promise<BoardAddress> {
  if (selector !== undefined && isAddress(selector)) return selector;
  const fitting = (await findBoards()).filter((board) => fits(board, selector));
  const [board, ...others] = fitting;
  if (board === undefined)
    throw selector === undefined ? noBoard() : boardNotFound(textOf(selector), 'Nothing like it is plugged in.');
  if (others.length > 0) throw boardAmbiguous(fitting.map(({ address }) => addressText(address)));
  if (!board.mayOpen && board.address.kind === 'serial') throw boardDenied(board.address.path, undefined);
  return board.address;
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

/** Asks a board how it is. @throws BoardError */
export async function askBoard(address: BoardAddress, signal?: AbortSignal): Promise<BoardState> {
  const session = await BoardSession.open(await opener(address)(signal), { signal });
  try {
    return { hello: session.hello, info: await session.info() };
  } finally {
    await session.close();
  }
}

function isAddress(selector: BoardSelector): selector is BoardAddress {
  return selector.kind === 'serial' || selector.kind === 'tcp';
}

function fits(board: FoundBoard, selector: BoardSelector | undefined): boolean {
  // Without being told to, nothing is sent to what may be a modem or a 3D printer.
  if (selector === undefined) return board.kind !== 'port';
  if (selector.kind === 'serial-number') return board.serial === selector.serial;
  if (selector.kind !== 'usb') return false;
  const { vendor, product, serial } = selector;
  return board.usb?.vendor === vendor && board.usb.product === product && (serial ?? board.serial) === board.serial;
}

function textOf(selector: BoardSelector): string {
  if (selector.kind === 'serial-number') return selector.serial;
  if (selector.kind !== 'usb') return addressText(selector);
  const hex = (value: number): string => value.toString(16).padStart(4, '0');
  return `usb:${hex(selector.vendor)}:${hex(selector.product)}${selector.serial === undefined ? '' : `:${selector.serial}`}`;
}
