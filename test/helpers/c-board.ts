/**
 * The board of firmware/ in the place of the one in TypeScript: a process of its own, to which each call is a question
 * and an answer, so that it lives in the time of a test and writes into the test's flash. `MMFREE_C_BOARD` names its
 * program.
 */

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageLengthOf } from '../../firmware-host/firmware/acceptance.js';
import type { BoardLine, BoardOptions } from '../../firmware-host/firmware/board.js';
import type { BoardLineOptions } from '../../firmware-host/firmware/host-line.js';
import { FlashFailure } from '../../firmware-host/firmware/flash/nor-flash.js';
import { isIn, TYPE } from '../../firmware-host/firmware/usb/setup-packet.js';
import type { SetupPacket } from '../../firmware-host/firmware/usb/setup-packet.js';
import type { ByteSource } from '../../protocol/byte-source.js';
import { IMAGE_PREFIX_BYTES } from '../../protocol/image/image-prefix.js';

export const C_BOARD = process.env['MMFREE_C_BOARD'];

/** Tests that look into a board, or replace parts of it, are those of the one in TypeScript. */
export const IS_ANOTHER_BOARD = C_BOARD !== undefined;

const MOST_NAME_BYTES = 64;
/** Never; no image; STALL; the line of what is no line's. */
const NONE = 0xffff_ffff;

export class CBoard {
  readonly #options: BoardOptions;
  readonly #lines = new Map<number, BoardLineOptions>();
  readonly #number: number;
  /** Of the last request over DFU. */
  #answer: Uint8Array = new Uint8Array(0);

  /** @throws PowerLost */
  constructor(program: string, options: BoardOptions) {
    this.#options = options;
    boards ??= new BoardProcess(program);
    this.#number = 0;
    const { flash, slots, bootNonce, policy } = options;
    const { vocabSize, hiddenSize, intermediateSize, layers } = policy.limits;
    const bits = flash.read(0, flash.length);
    const numbers = [bootNonce, slots, flash.sectorBytes, policy.minimumRevision, vocabSize, hiddenSize];
    const { board, serial, firmware } = options.identity;
    const names = new Uint8Array(3 * MOST_NAME_BYTES);
    [board, serial, firmware].forEach((name, index) => names.set(Buffer.from(name), index * MOST_NAME_BYTES));
    const sizes = words([this.#now, ...numbers, intermediateSize, layers, bits.length]);
    this.#number = this.#ask('S', [], Buffer.concat([names, sizes, bits]));
  }

  addLine(options: BoardLineOptions): BoardLine {
    const number = this.#ask('L', []);
    this.#lines.set(number, options);
    return {
      receive: (bytes) => void this.#ask('R', [this.#now, number, bytes.length], bytes),
      unplug: () => {
        this.#lines.delete(number);
        this.#ask('X', [number]);
      },
    };
  }

  poll(): number {
    const waitMs = this.#ask('W', [this.#now]);
    return waitMs === NONE ? Infinity : waitMs;
  }

  /** As `Board` has it, so far as tests look at it. */
  get images(): { readonly running: { readonly confirmed: boolean; readonly source: ByteSource } | undefined } {
    const place = this.#ask('M', []);
    if (place === NONE) return { running: undefined };
    const { flash } = this.#options;
    const offset = place & ~1;
    const length = imageLengthOf(flash.read(offset, IMAGE_PREFIX_BYTES));
    const source = { length, read: (at: number, bytes: number) => flash.read(offset + at, bytes) };
    return { running: { confirmed: (place & 1) === 1, source } };
  }

  /** A class or vendor request to its DFU interface. @returns undefined if it is stalled */
  askDfu(setup: SetupPacket, data: Uint8Array): Uint8Array | undefined {
    const bits = (isIn(setup) ? 1 : 0) | ((setup.requestType & TYPE.mask) === TYPE.vendor ? 2 : 0);
    this.#answer = new Uint8Array(0);
    const result = this.#ask('U', [this.#now, bits, setup.request, setup.value, setup.length], data);
    return result === NONE ? undefined : this.#answer;
  }

  /** The bus was reset, or the interface selected. */
  resetDfu(): void {
    this.#ask('I', []);
  }

  get #now(): number {
    return Math.floor(this.#options.now());
  }

  #ask(command: string, numbers: readonly number[], bytes: Uint8Array = new Uint8Array(0)): number {
    const process = boards!;
    process.write(Buffer.from(command), words([this.#number, ...numbers]), bytes);
    for (;;) {
      const event = String.fromCharCode(process.read(1)[0]!);
      if (event === 'd') return process.word();
      if (event === 'w') {
        const [line, length] = [process.word(), process.word()];
        const given = process.read(length);
        if (line === NONE) this.#answer = given;
        else this.#lines.get(line)?.write(given);
      } else if (event === 'e') {
        const offset = process.word();
        this.#change(offset, this.#options.flash.sectorBytes, () => this.#options.flash.eraseSector(offset));
      } else {
        const [offset, length] = [process.word(), process.word()];
        const data = process.read(length);
        this.#change(offset, length, () => this.#options.flash.programPage(offset, data));
      }
    }
  }

  /** An operation of the flash, and what it left; a power cut takes the board with it. */
  #change(offset: number, length: number, operation: () => void): void {
    const process = boards!;
    try {
      operation();
    } catch (error) {
      if (error instanceof FlashFailure) return process.write(words([0]));
      process.write(words([2]));
      process.read(5);
      throw error;
    }
    process.write(words([1]), this.#options.flash.read(offset, length));
  }
}

/** One for all boards of a test file. */
class BoardProcess {
  readonly #commands: number;
  readonly #events: number;

  constructor(program: string) {
    const folder = mkdtempSync(join(tmpdir(), 'mmfree-c-board-'));
    const paths = ['commands', 'events'].map((name) => join(folder, name));
    execFileSync('mkfifo', paths);
    spawn(program, paths, { stdio: ['ignore', 'ignore', 'inherit'] }).unref();
    this.#commands = openSync(paths[0]!, 'w');
    this.#events = openSync(paths[1]!, 'r');
    rmSync(folder, { recursive: true });
  }

  write(...pieces: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(pieces);
    for (let done = 0; done < bytes.length;) done += writeSync(this.#commands, bytes, done);
  }

  read(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const got = readSync(this.#events, bytes, done, length - done, null);
      if (got === 0) throw new Error('the boards in C have ended');
      done += got;
    }
    return bytes;
  }

  word(): number {
    return new DataView(this.read(4).buffer).getUint32(0, true);
  }
}

/** Ends with this one, which holds its commands. */
let boards: BoardProcess | undefined;

function words(numbers: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(numbers).buffer);
}
