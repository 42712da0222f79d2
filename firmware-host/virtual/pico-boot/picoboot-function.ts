/**
 * PICOBOOT as the boot ROM has it, from the data sheets (RP2040, 2.8.5; RP2350, 5.6) and the ROM's published sources
 * (github.com/raspberrypi/pico-bootrom-rp2040): commands, their order, and what is refused with which status. Of
 * memory there is the flash alone; EXEC, VECTORIZE_FLASH and what only an RP2350 has besides REBOOT2 are not here.
 */

import type { FlashStore } from '../../firmware/flash/flash-store.js';
import type { BootChip } from './boot-descriptors.js';

const STATUS = {
  ok: 0,
  unknownCommand: 1,
  invalidCommandLength: 2,
  invalidTransferLength: 3,
  invalidAddress: 4,
  badAlignment: 5,
} as const;

export const STATUS_BYTES = 16;

export interface PicobootOptions {
  readonly chip: BootChip;
  readonly flash: FlashStore;
  /** Has something done later. */
  readonly after: (delayMs: number, run: () => void) => void;
  /** There is something to give. */
  readonly onReady: () => void;
  /** The chip starts from its flash. */
  readonly onReboot: () => void;
}

const MAGIC = 0x431f_d10b;
const COMMAND_BYTES = 32;
const FLASH_START = 0x1000_0000;
const FLASH_END = 0x1100_0000;
const SECTOR_BYTES = 4096;
const PAGE_BYTES = 256;
/** As data sheets of flash parts have it. */
const ERASE_MS = 45;
const PROGRAM_MS = 0.7;
const NOTHING = new Uint8Array(0);

interface Running {
  readonly id: number;
  readonly address: number;
  readonly length: number;
  readonly delayMs: number;
}

/** What is waited for: a command, bytes to write, the host that reads, its empty packet, time, or a reset. */
type State =
  | { readonly kind: 'command' | 'ack-out' | 'ack-in' | 'busy' | 'refused' }
  | { readonly kind: 'write'; readonly command: Running }
  | { readonly kind: 'read'; readonly rest: Uint8Array };

interface Kind {
  /** Bytes of arguments. */
  readonly size: number;
  /** Whether there is data, as much as the second argument says. */
  readonly hasData?: boolean;
  readonly only?: BootChip;
}

const KINDS: ReadonlyMap<number, Kind> = new Map([
  [0x01, { size: 1 }],
  [0x02, { size: 12, only: 'rp2040' }],
  [0x03, { size: 8 }],
  [0x84, { size: 8, hasData: true }],
  [0x05, { size: 8, hasData: true }],
  [0x06, { size: 0 }],
  [0x07, { size: 0 }],
  [0x0a, { size: 16, only: 'rp2350' }],
]);

export class PicobootFunction {
  readonly #options: PicobootOptions;
  #state: State = { kind: 'command' };
  #status = new Uint8Array(STATUS_BYTES);
  /** Before, the flash does not hear commands. */
  #hearsCommands = false;
  /** Counts resets: what was begun before one has no end. */
  #resets = 0;

  constructor(options: PicobootOptions) {
    this.#options = options;
  }

  get status(): Uint8Array {
    return this.#status;
  }

  reset(): void {
    this.#resets++;
    this.#state = { kind: 'command' };
    this.#status = new Uint8Array(STATUS_BYTES);
  }

  /** What comes on the endpoint from the host. */
  write(bytes: Uint8Array): 'ack' | 'stall' {
    const state = this.#state;
    if (state.kind === 'ack-out') {
      this.#state = { kind: 'command' };
      return 'ack';
    }
    if (state.kind === 'command') return this.#take(bytes);
    if (state.kind !== 'write') return 'stall';
    const { address, length } = state.command;
    if (bytes.length !== length) return 'stall';
    const code = checkRange(state.command);
    if (code === STATUS.ok) {
      this.#program(address, bytes);
      this.#finish((PROGRAM_MS * length) / PAGE_BYTES);
    } else {
      // It has taken the data, and stalls what comes next; the host waits in vain for the end.
      this.#setStatus(code);
      this.#state = { kind: 'busy' };
    }
    return 'ack';
  }

  /** What the host reads on the other one. */
  read(length: number): Uint8Array | 'nak' | 'stall' {
    const state = this.#state;
    if (state.kind === 'read') {
      const part = state.rest.subarray(0, length);
      const rest = state.rest.subarray(part.length);
      this.#state = rest.length === 0 ? { kind: 'ack-out' } : { kind: 'read', rest };
      return part;
    }
    if (state.kind === 'refused') return 'stall';
    if (state.kind !== 'ack-in') return 'nak';
    this.#state = { kind: 'command' };
    return NOTHING;
  }

  #take(bytes: Uint8Array): 'ack' | 'stall' {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (bytes.length !== COMMAND_BYTES || view.getUint32(0, true) !== MAGIC) return 'stall';
    const word = (index: number): number => view.getUint32(16 + 4 * index, true);
    const id = view.getUint8(8);
    const code = this.#check(id, view.getUint8(9), view.getUint32(12, true), word(1));
    const status = new DataView(this.#status.buffer);
    status.setUint32(0, view.getUint32(4, true), true);
    status.setUint8(8, id);
    this.#setStatus(code);
    if (code !== STATUS.ok) return 'stall';
    const isReboot = id === 0x02 || id === 0x0a;
    const delayMs = isReboot ? word(id === 0x02 ? 2 : 1) : 0;
    this.#run({ id, address: word(0), length: word(1), delayMs });
    return 'ack';
  }

  /** @returns the status of a command that is refused at once */
  #check(id: number, size: number, transfer: number, length: number): number {
    const kind = KINDS.get(id);
    if (kind === undefined || (kind.only !== undefined && kind.only !== this.#options.chip))
      return STATUS.unknownCommand;
    if (size !== kind.size) return STATUS.invalidCommandLength;
    return transfer === (kind.hasData === true ? length : 0) ? STATUS.ok : STATUS.invalidTransferLength;
  }

  #run(command: Running): void {
    const { id, address, length, delayMs } = command;
    if (id === 0x84) {
      const code = checkRange(command);
      this.#setStatus(code);
      this.#state = code === STATUS.ok ? { kind: 'read', rest: this.#flashed(address, length) } : { kind: 'refused' };
      return;
    }
    if (id === 0x05) {
      this.#state = { kind: 'write', command };
      return;
    }
    if (id === 0x06) this.#hearsCommands = true;
    if (id === 0x07) this.#hearsCommands = false;
    // An erasure that is refused is acknowledged all the same.
    if (id === 0x03 && checkRange(command) === STATUS.ok) this.#erase(address, length);
    if (id === 0x02 || id === 0x0a) this.#options.after(delayMs, () => this.#options.onReboot());
    this.#finish(id === 0x03 ? (ERASE_MS * length) / SECTOR_BYTES : 0);
  }

  #setStatus(code: number): void {
    new DataView(this.#status.buffer).setUint32(4, code, true);
  }

  /** The command ends with an empty packet to the host. */
  #finish(delayMs: number): void {
    this.#state = { kind: 'busy' };
    const resets = this.#resets;
    this.#options.after(delayMs, () => {
      if (resets !== this.#resets) return;
      this.#state = { kind: 'ack-in' };
      this.#options.onReady();
    });
  }

  #flashed(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (!this.#hearsCommands) return bytes;
    this.#eachPage(address, length, (offset, at) => bytes.set(this.#options.flash.read(offset, PAGE_BYTES), at));
    return bytes;
  }

  #erase(address: number, length: number): void {
    if (!this.#hearsCommands) return;
    const { flash } = this.#options;
    this.#eachPage(address, length, (offset) => flash.write(offset, new Uint8Array(PAGE_BYTES).fill(0xff)));
  }

  /** Programming makes ones zeros, and nothing else. */
  #program(address: number, bytes: Uint8Array): void {
    if (!this.#hearsCommands) return;
    const { flash } = this.#options;
    this.#eachPage(address, bytes.length, (offset, at) => {
      const page = flash.read(offset, PAGE_BYTES).slice();
      for (let index = 0; index < PAGE_BYTES; index++) page[index]! &= bytes[at + index] ?? 0xff;
      flash.write(offset, page);
    });
  }

  /** A flash that is smaller than its address space repeats itself there. */
  #eachPage(address: number, length: number, visit: (offset: number, at: number) => void): void {
    for (let at = 0; at < length; at += PAGE_BYTES)
      visit((address + at - FLASH_START) % this.#options.flash.length, at);
  }
}

/** @returns the status of a command whose work is refused */
function checkRange({ id, address, length }: Running): number {
  const unit = id === 0x03 ? SECTOR_BYTES : PAGE_BYTES;
  if (address < FLASH_START || address + length > FLASH_END) return STATUS.invalidAddress;
  return address % unit === 0 && (id !== 0x03 || length % unit === 0) ? STATUS.ok : STATUS.badAlignment;
}
