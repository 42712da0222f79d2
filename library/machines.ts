/** Which machines there are, and opening one. A thin layer over engine/machines.ts, which has the table of them. */

import { findMachine } from '../engine/find-machine.js';
import type { MachineRequest } from '../engine/machine-request.js';
import { machineKind, MACHINES } from '../engine/machines.js';
import type { OpenedMachine } from '../engine/opened-machine.js';

/**
 * Names of the kinds of machines: `board`, `gpu`, `reference`, `simulator`, … Whether there is one shows when it is
 * opened.
 */
export const machineKinds: readonly string[] = MACHINES.map(({ kind }) => kind);

/** Which machine, and with which image. */
export interface MachineOptions {
  /**
   * One of {@link machineKinds}; unless given, a board if one is named, else what there is: the only board, a GPU, the
   * processor.
   */
  readonly kind?: string;
  /** Path of an image; unless given, tales-9m, which comes with the package, or the image that is on the board. */
  readonly image?: string;
  /**
   * A board, as `--board` takes it: a serial number, `serial:PATH[@BAUD]`, `tcp:HOST:PORT`,
   * `usbip:HOST[:PORT][/BUSID]`, …
   */
  readonly board?: string;
  /** The key that the board must have, 32 bytes. */
  readonly key?: Uint8Array;
  /** Seconds to wait until the board comes; 0 unless given. */
  readonly waitSeconds?: number;
  /** Who chooses the tokens of a board: itself unless given. */
  readonly sampling?: 'board' | 'host';
  /** Ends the opening. */
  readonly signal?: AbortSignal;
  /**
   * Is told what was decided without being asked for, or is waited for.
   *
   * @param text a sentence
   */
  readonly onNote?: (text: string) => void;
}

/**
 * Opens a machine: checks its image, brings it to where it is computed.
 *
 * @param options which one; unless given, the best one that there is, with tales-9m
 * @returns the machine and what belongs to it; the caller ends with `machine.close()`
 * @throws RangeError for a kind or a selector of a board that is none; {@link MmfreeError} for images, boards and GPUs
 *   that cannot be used; the signal's reason
 */
export async function openMachine(options: MachineOptions = {}): Promise<OpenedMachine> {
  const { kind, image, board, key, waitSeconds = 0, sampling, signal, onNote } = options;
  const request: MachineRequest = { image, key, wait: waitSeconds, sampling, text: true, ...(await boardOf(board)) };
  const engine = { signal: signal ?? new AbortController().signal, onNote: onNote ?? ((): void => {}) };
  const isBoardMeant = board !== undefined || key !== undefined || waitSeconds > 0 || sampling !== undefined;
  if (kind === undefined && !isBoardMeant) return await findMachine(request, engine);
  if (kind !== undefined && kind !== 'board' && isBoardMeant) {
    throw new RangeError(`options of a board were given for a machine of kind ${kind}`);
  }
  return await machineKind(kind ?? 'board').open(request, engine);
}

async function boardOf(text: string | undefined): Promise<Pick<MachineRequest, 'board'>> {
  if (text === undefined) return {};
  const { parseSelector } = await import('../device/selector.js');
  const board = parseSelector(text);
  if (board === undefined) throw new RangeError(`${JSON.stringify(text)} names no board`);
  return { board };
}

/** A board, or something that may be one. */
export interface BoardFacts {
  /** What `board` of {@link MachineOptions} takes. */
  readonly selector: string;
  /** `usb` and `virtual` are boards of this project; a `port` is any serial port. */
  readonly kind: string;
  /** Empty if it is not known. */
  readonly serial: string;
  /** For people. */
  readonly name: string;
  /** Why this user cannot talk to it; absent if nothing is known to hinder him. */
  readonly problem?: string;
}

/**
 * Lists everything that is plugged in or runs on this computer and may be a board. Nothing is opened.
 *
 * @returns in the order in which `mmfree boards` shows them
 * @throws what the operating system says about its devices
 */
export async function listBoards(): Promise<readonly BoardFacts[]> {
  const [{ findBoards }, { addressText }] = await Promise.all([
    import('../device/finding/discovery.js'),
    import('../device/selector.js'),
  ]);
  return (await findBoards()).map(({ address, kind, serial, name, portProblem }) => ({
    selector: addressText(address),
    kind,
    serial,
    name,
    ...(portProblem && { problem: `${portProblem.message}: ${portProblem.reason}` }),
  }));
}
