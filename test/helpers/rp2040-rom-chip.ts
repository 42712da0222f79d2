/**
 * An RP2040 that runs its own boot ROM in rp2040js, with BOOTSEL held: the ROM's USB boot, before the project's model
 * of a Winbond flash at the SSI. The ROM is in no package; whoever has it names it.
 */

import { readFileSync } from 'node:fs';
import { RP2040, Simulator } from 'rp2040js';
import type { FlashStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { connectToBus, type SlowBus } from '../../firmware-host/virtual/pico/bus.js';
import { ChipLogger } from '../../firmware-host/virtual/pico/chip-logger.js';
import { Ssi, SSI_BASE } from '../../firmware-host/virtual/pico/ssi.js';
import { UsbHost } from '../../firmware-host/virtual/pico/usb-host.js';
import { RomUsbController } from './rp2040-rom-usb.js';

type Core = RP2040['core'];
type Bytes = 1 | 2 | 4;

const ROM_BYTES = 16 * 1024;
const CLOCK_HZ = 48e6;
const CYCLE_NS = 1e9 / CLOCK_HZ;
const BLOCK = 0x1000;
const IO_QSPI = 0x4001_8000;
const PADS_QSPI = 0x4002_0000;
const XIP_CONTROL = 0x1400_0000;
/** Where 0 means a start by its power, without a debugger. */
const CHIP_RESET = 0x4006_4000;
const SELECT_PIN = 0x0c;
const USB_MEMORY = 0x5010_0000;
const SIO = 0xd000_0000;
const PINS_OF_FLASH = 0x08;
const PRIVATE = 0xe000_e000;
const WATCHDOG = 0x40058;
const QUANTUM_CYCLES = 500;

/** Of rp2040js, what is used here. */
interface Watchdog {
  readonly timer: { enable: boolean };
  onWatchdogTrigger: () => void;
}

/** 16 KiB: raw, or as the source of rp2040js has it, in words. */
export function readRom(path: string): Uint32Array {
  const file = readFileSync(path);
  if (file.length === ROM_BYTES)
    return new Uint32Array(file.buffer.slice(file.byteOffset, file.byteOffset + ROM_BYTES));
  const words = [...file.toString('latin1').matchAll(/0x[\da-f]{1,8}(?=[,\s])/g)].map(([word]) => Number(word));
  return Uint32Array.from({ length: ROM_BYTES / 4 }, (_, index) => words[index] ?? 0);
}

/** Registers that keep what is written, by block. */
class Kept {
  readonly #words = new Map<number, number>();

  read(address: number): number {
    return this.#words.get(address) ?? 0;
  }

  /** @returns what it is then */
  write(address: number, value: number): number {
    const at = (address & ~0x3000) >>> 0;
    const old = this.read(at);
    const next = [value, old ^ value, old | value, old & ~value][(address >> 12) & 3]! >>> 0;
    this.#words.set(at, next);
    return next;
  }
}

export class RomChip implements SlowBus {
  readonly usb: RomUsbController;
  readonly usbHost: UsbHost;
  end: 'restart' | undefined;
  readonly #chip: RP2040;
  readonly #clock: Simulator['clock'];
  readonly #rom: DataView;
  readonly #ssi: Ssi;
  readonly #kept = new Kept();

  constructor(rom: Uint32Array, flash: FlashStore) {
    const { rp2040: chip, clock } = new Simulator();
    [this.#chip, this.#clock] = [chip, clock];
    chip.loadBootrom(rom);
    this.#rom = new DataView(rom.buffer);
    chip.logger = new ChipLogger(() => {});
    this.#ssi = new Ssi(
      flash,
      () => chip.core.cycles,
      () => CLOCK_HZ,
    );
    this.usb = new RomUsbController(chip);
    this.usbHost = new UsbHost(this.usb, () => chip.core.cycles * CYCLE_NS);
    const watchdog = chip.peripherals[WATCHDOG] as unknown as Watchdog;
    watchdog.onWatchdogTrigger = () => {
      this.end = 'restart';
      // The package would have it bite again and again in the same instant.
      watchdog.timer.enable = false;
    };
    connectToBus(chip.core, chip.sram, this);
    [chip.core.SP, chip.core.PC] = [this.#rom.getUint32(0, true), this.#rom.getUint32(4, true) & ~1];
  }

  get cycles(): number {
    return this.#chip.core.cycles;
  }

  run(cycles: number): void {
    const { core } = this.#chip;
    for (const end = core.cycles + cycles; core.cycles < end && this.end === undefined;) {
      const from = core.cycles;
      while (core.cycles < from + QUANTUM_CYCLES) {
        if (core.waiting) core.cycles = from + QUANTUM_CYCLES;
        else core.executeInstruction();
      }
      // It may always wake.
      core.waiting = false;
      this.#clock.tick((core.cycles - from) * CYCLE_NS);
      this.usbHost.poll();
    }
  }

  read(core: Core, address: number, bytes: Bytes): number {
    if (address % bytes !== 0) throw new Error(`an unaligned read at 0x${address.toString(16)}`);
    if (address < ROM_BYTES) return read(this.#rom, address, bytes);
    if (isIn(address, USB_MEMORY)) return read(this.#chip.usbDPRAMView, address - USB_MEMORY, bytes);
    const word = this.#word(core, (address & ~3) >>> 0);
    return bytes === 4 ? word : (word >>> (8 * (address & 3))) & (bytes === 2 ? 0xffff : 0xff);
  }

  write(core: Core, address: number, bytes: Bytes, value: number): void {
    if (address % bytes !== 0) throw new Error(`an unaligned write at 0x${address.toString(16)}`);
    const chip = this.#chip;
    if (isIn(address, USB_MEMORY)) {
      const view = chip.usbDPRAMView;
      if (bytes === 4) view.setUint32(address - USB_MEMORY, value, true);
      else if (bytes === 2) view.setUint16(address - USB_MEMORY, value, true);
      else view.setUint8(address - USB_MEMORY, value);
      return;
    }
    // A peripheral takes a byte in all four places (data sheet, 2.1.4).
    const word = bytes === 4 ? value : bytes === 2 ? (value & 0xffff) * 0x1_0001 : (value & 0xff) * 0x101_0101;
    const at = (address & ~3) >>> 0;
    if (isIn(at, PRIVATE)) core.rp2040.ppb.writeUint32(at - PRIVATE, word);
    else if (isIn(at, SSI_BASE)) this.#ssi.writeUint32(at - SSI_BASE, word);
    else if (isIn(at, SIO)) chip.sio.writeUint32(at - SIO, word);
    else if (isKept(at)) {
      const next = this.#kept.write(at, word);
      if ((at & ~0x3000) >>> 0 === IO_QSPI + SELECT_PIN) this.#select((next >> 8) & 3);
    } else chip.writeUint32(at, word);
  }

  #word(core: Core, address: number): number {
    if (isIn(address, PRIVATE)) return core.rp2040.ppb.readUint32(address - PRIVATE) >>> 0;
    if (isIn(address, SSI_BASE)) return this.#ssi.readUint32(address - SSI_BASE);
    // BOOTSEL is held: the line that selects the flash is low.
    if (address === SIO + PINS_OF_FLASH) return 0;
    if (isIn(address, SIO)) return this.#chip.sio.readUint32(address - SIO) >>> 0;
    if (isKept(address)) return this.#kept.read(address);
    if (address >= 0x1000_0000 && address < 0x1400_0000) throw new Error('the ROM reads the window of the flash');
    return this.#chip.readUint32(address) >>> 0;
  }

  #select(driven: number): void {
    this.#ssi.forceSelect(driven === 2 ? true : driven === 3 ? false : undefined);
  }
}

function isIn(address: number, block: number): boolean {
  return address >= block && address < block + BLOCK;
}

function isKept(address: number): boolean {
  return [IO_QSPI, PADS_QSPI, XIP_CONTROL, CHIP_RESET].some((block) => address >= block && address < block + 4 * BLOCK);
}

function read(view: DataView, at: number, bytes: Bytes): number {
  if (bytes === 1) return view.getUint8(at);
  return bytes === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
}
