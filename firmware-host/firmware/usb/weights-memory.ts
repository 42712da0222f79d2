/** The flash of a board as the memory behind the DFU alternate setting `weights`. docs/USB.md, section 3. */

import { BOARD_ERRORS } from '../../../protocol/wire/messages-board.js';
import type { ByteSource } from '../../../protocol/byte-source.js';
import type { Board } from '../board.js';
import { Refusal } from '../refusal.js';
import type { RefusalName } from '../refusal.js';
import type { DfuFailure, DfuMemory } from './dfu-memory.js';
import type { DfuStatusName } from './dfu-protocol.js';

const STATUSES: Readonly<Partial<Record<RefusalName, DfuStatusName>>> = {
  busy: 'errVENDOR',
  noImage: 'errFIRMWARE',
  notAnImage: 'errTARGET',
  imageTooLarge: 'errADDRESS',
  modelTooLarge: 'errTARGET',
  revisionTooOld: 'errFILE',
  notSigned: 'errVERIFY',
  signatureWrong: 'errVERIFY',
  writeOutOfOrder: 'errADDRESS',
  imageDamaged: 'errVERIFY',
  flashFailed: 'errPROG',
};

const STATUS_BY_CODE: ReadonlyMap<number, DfuStatusName> = new Map(
  Object.entries(STATUSES).map(([name, status]) => [BOARD_ERRORS[name as RefusalName], status]),
);

/** Until a check is over, which takes a time that nobody knows. */
const CHECK_POLL_MS = 20;

export class WeightsMemory implements DfuMemory {
  readonly #board: Board;
  /** What an upload reads, from its first block on. */
  #uploading: ByteSource | undefined;

  constructor(board: Board) {
    this.#board = board;
  }

  get busyMs(): number {
    const { busyMs, download } = this.#board;
    return download.hasWork ? Math.max(busyMs, CHECK_POLL_MS) : busyMs;
  }

  get failure(): DfuFailure | undefined {
    const { refusal } = this.#board.download;
    return refusal && failureOf(refusal);
  }

  heard(): void {
    this.#board.download.heard();
  }

  write(block: Uint8Array): void {
    this.#board.download.write(block);
  }

  get isWhole(): boolean {
    return this.#board.download.isWhole;
  }

  finish(): void {
    this.#board.download.finish();
  }

  read(offset: number, length: number): Uint8Array | DfuFailure {
    const source = this.#board.images.running?.source;
    if (source === undefined) return failureOf(new Refusal('noImage'));
    this.#uploading ??= source;
    // Half of one image and half of another would be neither.
    if (this.#uploading !== source) return failureOf(new Refusal('busy'));
    const start = Math.min(offset, source.length);
    return source.read(start, Math.min(length, source.length - start));
  }

  abandon(): void {
    this.#uploading = undefined;
    this.#board.download.abandon();
  }
}

function failureOf(refusal: Refusal): DfuFailure {
  return { status: STATUS_BY_CODE.get(refusal.code) ?? 'errUNKNOWN', refusal };
}
