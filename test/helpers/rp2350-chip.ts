/**
 * An RP2350 of rp2350js (github.com/c1570/rp2350js, of which there was no package on npm) with its own boot ROM, and
 * with what that emulator lacks: the flash behind the QMI. The part is a W25Q32 that remembers whether it waits for a
 * command, so that reads in a format that it is not in end the run; its data lines 2 and 3 are off when it is new.
 */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsbController, type ControlledChip } from '../../firmware-host/virtual/pico/usb-controller.js';
import { UsbHost } from '../../firmware-host/virtual/pico/usb-host.js';
import type { EmulatedChip } from './chip-host.js';

type Read = (address: number) => number;

interface Processor {
  readonly cycles: number;
  /** In WFE. */
  waiting: boolean;
  readonly interruptsUpdated: boolean;
  readonly ppb: () => { vtor: number };
}

/** What is used of the emulator's class RP2350. */
interface Emulator extends ControlledChip {
  readonly flash: Uint8Array;
  readonly core: readonly Processor[];
  readonly uart: readonly { onByte: (byte: number) => void; readonly feedByte: (byte: number) => void }[];
  readonly clock: { readonly tick: (nanoseconds: number) => void };
  readonly watchdog: { onWatchdogTrigger: () => void };
  readonly clkSys: number;
  logger: unknown;
  readUint32: Read;
  readUint16: Read;
  readUint8: Read;
  writeUint32: (address: number, value: number) => void;
  stepThings: (cycles: number) => void;
  readonly step: () => void;
}

/** Of a cycle, at 150 MHz. */
const NANOSECONDS = 1e9 / 150e6;
const WINDOW = 0x1000_0000;
const WINDOW_END = 0x2000_0000;
/** As findPeripheral counts. */
const QMI = 0x400d0;
const IO_QSPI = 0x40030;
const USB_IRQ = 14;
/** Registers of the processor's timer, of which three are written. */
const SYSTICK = 0xe000_e010;
/** Atomic accesses: of the data sheet, 2.1.3. */
const COMBINE = [
  (_: number, value: number): number => value,
  (old: number, value: number): number => old ^ value,
  (old: number, value: number): number => old | value,
  (old: number, value: number): number => old & ~value,
] as const;

/** Registers that keep what is written. */
class Registers {
  protected readonly words = new Uint32Array(1024);

  readUint32(offset: number): number {
    return this.words[(offset & 0xfff) >> 2]!;
  }

  writeUint32(offset: number, value: number): void {
    this.words[(offset & 0xfff) >> 2] = value;
  }

  writeUint32Atomic(offset: number, value: number, kind: number): void {
    this.writeUint32(offset, COMBINE[kind]!(this.words[(offset & 0xfff) >> 2]!, value) >>> 0);
  }
}

const DIRECT = {
  control: 0,
  send: 4,
  receive: 8,
  on: 1,
  selected: 4,
  sent: 1 << 11,
  empty: 1 << 16,
  noAnswer: 1 << 20,
};
const FORMAT = { at: 0x10, command: 0x14, quadData: 2 << 8, isQuad: 3 << 8, prefix: 1 << 12 };
/** EBh: address, mode bits, four clocks, data. */
const QUAD = { command: 0xeb, format: (2 << 2) | (2 << 4) | (2 << 6) | (2 << 8) | (2 << 14) | (4 << 16) };

/** The QMI and the part behind it. */
export class Rp2350Flash extends Registers {
  readonly bytes: Uint8Array;
  erased = 0;
  programmed = 0;
  /** Reads without a command. */
  quick = 0;
  #frame: number[] = [];
  readonly #answers: number[] = [];
  #isContinued = false;
  #isWritable = false;
  #status2 = 0;

  constructor(bytes: Uint8Array) {
    super();
    this.bytes = bytes;
    this.writeUint32(FORMAT.at, FORMAT.prefix);
    this.writeUint32(FORMAT.command, 3);
  }

  /** Whether a read of the window gives what is in the part. */
  isReadable(): boolean {
    const format = this.words[FORMAT.at >> 2]!;
    const command = this.words[FORMAT.command >> 2]!;
    const hasCommand = (format & FORMAT.prefix) !== 0;
    if ((this.words[0]! & DIRECT.on) !== 0) throw new Error('the window is read while the QMI is in direct mode');
    if (hasCommand === this.#isContinued) throw new Error(`a read ${hasCommand ? 'with' : 'without'} a command`);
    if (!hasCommand) this.quick++;
    if ((format & FORMAT.isQuad) !== FORMAT.quadData) return true;
    if ((command & 0xff) !== QUAD.command || (format & ~FORMAT.prefix) !== QUAD.format) {
      throw new Error(`a read on four wires by ${command.toString(16)}, ${format.toString(16)}`);
    }
    if ((this.#status2 & 2) === 0) return false;
    this.#isContinued = ((command >> 8) & 0xf0) === 0xa0;
    return true;
  }

  override readUint32(offset: number): number {
    if (offset === DIRECT.control) {
      return (super.readUint32(0) | DIRECT.sent | (this.#answers.length === 0 ? DIRECT.empty : 0)) >>> 0;
    }
    return offset === DIRECT.receive ? (this.#answers.shift() ?? 0) : super.readUint32(offset);
  }

  override writeUint32(offset: number, value: number): void {
    if (offset === DIRECT.send) {
      const bytes = (value >> 18) & 1 ? [value & 0xff, (value >> 8) & 0xff] : [value & 0xff];
      this.#frame.push(...bytes);
      if ((value & DIRECT.noAnswer) === 0) this.#answers.push(this.#answer());
      return;
    }
    const isSelected = (this.words[0]! & (DIRECT.on | DIRECT.selected)) === (DIRECT.on | DIRECT.selected);
    super.writeUint32(offset, value);
    if (offset === DIRECT.control && isSelected && (value & DIRECT.selected) === 0) this.#end();
  }

  #answer(): number {
    const [command] = this.#frame;
    const at = this.#frame.length - 1;
    if (this.#isContinued || at === 0) return 0xff;
    if (command === 0x9f) return [0xff, 0xef, 0x40, 0x16][at] ?? 0;
    if (command === 0x4b) return at < 5 ? 0xff : 0x10 + at;
    if (command === 0x05) return this.#isWritable ? 2 : 0;
    return command === 0x35 ? this.#status2 : 0xff;
  }

  /** The part is deselected. */
  #end(): void {
    const frame = this.#frame;
    this.#frame = [];
    if (this.#isContinued) {
      if (frame.every((byte) => byte === 0xff)) this.#isContinued = false;
      return;
    }
    const [command = 0, ...rest] = frame;
    if (command === 0x06) {
      this.#isWritable = true;
      return;
    }
    if (!this.#isWritable) return;
    const address = ((rest[0] ?? 0) << 16) | ((rest[1] ?? 0) << 8) | (rest[2] ?? 0);
    if (command === 0x01) this.#status2 = rest[1] ?? 0;
    if (command === 0x20) this.bytes.fill(0xff, address & ~0xfff, (address & ~0xfff) + 0x1000);
    if (command === 0x02) {
      for (const [index, byte] of rest.slice(3).entries()) {
        this.bytes[(address & ~0xff) + ((address + index) & 0xff)]! &= byte;
      }
    }
    this.erased += Number(command === 0x20);
    this.programmed += Number(command === 0x02);
    if ([0x01, 0x20, 0x02].includes(command)) this.#isWritable = false;
  }
}

export class Rp2350Chip implements EmulatedChip {
  restarts = 0;
  readonly end = undefined;
  /** The controller is that of an RP2040. */
  readonly usb: UsbController;
  readonly usbHost: UsbHost;
  readonly flash: Rp2350Flash;
  readonly #chip: Emulator;
  readonly #waiting: number[] = [];

  private constructor(chip: Emulator, contents: Uint8Array, onUart: (byte: number) => void) {
    this.#chip = chip;
    chip.logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    chip.flash.fill(0xff);
    chip.flash.set(contents);
    this.flash = new Rp2350Flash(chip.flash);
    chip.peripherals[QMI] = this.flash;
    // The ROM asks its pins whether it is to give up.
    chip.peripherals[IO_QSPI] = new Registers();
    this.usb = new UsbController(chip, USB_IRQ);
    this.usbHost = new UsbHost(this.usb, () => this.cycles * NANOSECONDS);
    for (const [name, nothing] of [
      ['readUint32', 0xffff_ffff],
      ['readUint16', 0xffff],
      ['readUint8', 0xff],
    ] as const) {
      const read = chip[name].bind(chip);
      chip[name] = (address) => {
        const place = address >>> 0;
        return place >= WINDOW && place < WINDOW_END && !this.flash.isReadable() ? nothing : read(address);
      };
    }
    // The emulator has them 16 bytes behind where they are (Armv8-M, SYST_CSR), so that nothing ever ticked.
    const write = chip.writeUint32.bind(chip);
    chip.writeUint32 = (address, value) => {
      const place = address >>> 0;
      write(place >= SYSTICK && place < SYSTICK + 12 ? place + 16 : place, value);
    };
    // PIO, three times a cycle, is most of its time.
    chip.stepThings = (cycles) => chip.clock.tick((cycles * 1e9) / chip.clkSys);
    const restart = chip.watchdog.onWatchdogTrigger;
    chip.watchdog.onWatchdogTrigger = () => {
      this.restarts++;
      // Which the emulator leaves as it is.
      for (const core of chip.core) core.ppb().vtor = 0;
      restart();
    };
    chip.uart[0]!.onByte = onUart;
  }

  /** @param folder of a checkout of rp2350js 2.0.1 (10f7ebf) with its packages */
  static async load(folder: string): Promise<(contents: Uint8Array, onUart: (byte: number) => void) => Rp2350Chip> {
    const { RP2350 } = (await import(pathToFileURL(join(folder, 'src/rp2350.ts')).href)) as {
      readonly RP2350: new (options: { readonly coreArch: 'arm' }) => Emulator;
    };
    return (contents, onUart) => new Rp2350Chip(new RP2350({ coreArch: 'arm' }), contents, onUart);
  }

  get cycles(): number {
    return this.#chip.core[0]!.cycles;
  }

  receive(bytes: Uint8Array): void {
    this.#waiting.push(...bytes);
  }

  run(cycles: number): void {
    const end = this.cycles + cycles;
    for (let step = 1; this.cycles < end; step++) {
      this.#chip.step();
      if (step % 256 !== 0) continue;
      // The emulator leaves a processor asleep where the interrupt is that of its own timer.
      for (const core of this.#chip.core) core.waiting &&= !core.interruptsUpdated;
      this.usbHost.poll();
      if (this.#waiting.length > 0) this.#chip.uart[0]!.feedByte(this.#waiting.shift()!);
    }
  }
}
