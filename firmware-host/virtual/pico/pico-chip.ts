/**
 * An RP2040 with its flash in the emulator rp2040js, from its power-on to its next restart, as honest as it can be
 * made: what the package leaves out stands in other files of this folder. The boot ROM loads the second stage from the
 * flash; both processors run, in turn, by the cycles that they took; reads of flash and DMA take their time; what would
 * be a fault of the hardware is an Error. Bytes for the UART come at its pace, in the time of the chip.
 *
 * docs/PICO.md says what such a chip does not show.
 */

import { RP2040, Simulator } from 'rp2040js';
import { NorFlash, PAGE_BYTES, type FlashTiming } from '../../firmware/flash/nor-flash.js';
import type { FlashStore } from '../../firmware/flash/flash-store.js';
import { BootRom, type RomEffects } from './boot-rom.js';
import { connectToBus, RAM, RAM_BYTES } from './bus.js';
import { Clocks } from './clocks.js';
import { ChipLogger } from './chip-logger.js';
import { DmaPace } from './dma-pace.js';
import { Mailboxes } from './mailboxes.js';
import { secondStage } from './second-stage.js';
import { SlowMemory } from './slow-memory.js';
import { Ssi } from './ssi.js';
import { UsbController } from './usb-controller.js';
import { UsbHost } from './usb-host.js';
import { Xip } from './xip.js';

type Core = RP2040['core'];

/** Of the processors, unless the firmware was built for another one. */
export const CLOCK_HZ = 125_000_000;
const SECTOR_BYTES = 4096;
const WATCHDOG = 0x40058;
/** Typical times of Winbond's parts. */
const TIMING: FlashTiming = { eraseMs: 45, programMs: 0.7 };
/** 115,200 baud, ten bits a byte. */
const NANOSECONDS_PER_BYTE = (1e9 * 10) / 115_200;
/** Between two looks at clock and line: a quarter of a byte. */
const QUANTUM_CYCLES = 2700;
/** By so much the time of hosts goes on at most between two looks at the clock: a stalled computer is no watchdog. */
const MOST_STEP_NS = 1e6;
/** Where the boot ROM puts the second stage, below which its stack is. */
const SECOND_STAGE = RAM + RAM_BYTES - 256;

/** Its register that is written before its time is over. */
const WATCHDOG_LOAD = 4;

/** Of rp2040js, what is used here. */
interface Watchdog {
  writeUint32: (offset: number, value: number) => void;
  readonly timer: { enable: boolean };
  onWatchdogTrigger: () => void;
}

export interface PicoChipOptions {
  /** What the flash holds, at most 16 MiB. */
  readonly flash: FlashStore;
  /** Gets what the chip sends on UART0. */
  readonly onUart: (byte: number) => void;
  /** Between two bytes that come on UART0; those of 115,200 baud if absent. */
  readonly nanosecondsPerByte?: number;
  /**
   * Nanoseconds since any instant, for its timers and its line: those of its cycles unless given. A chip that has the
   * clock of the hosts that wait for it is slow, and never late; where it sleeps, `run` returns.
   */
  readonly now?: () => number;
}

export class PicoChip {
  /** Erasures and programs, counted; its power can be cut. */
  readonly nor: NorFlash;
  readonly usb: UsbController;
  /** At its USB port. */
  readonly usbHost: UsbHost;
  readonly #chip: RP2040;
  readonly #second: RP2040;
  readonly #clock: Simulator['clock'];
  readonly #mailboxes: Mailboxes;
  readonly #xip: Xip;
  readonly #arrived: number[] = [];
  readonly #nanosecondsPerByte: number;
  readonly #clocks: Clocks;
  readonly #dma: DmaPace;
  readonly #now: () => number;
  /** Whether nobody waits for its time but its cycles: then what it sleeps takes none of ours. */
  readonly #hasOwnTime: boolean;
  readonly #startedNs: number;
  /** In which cycle something is due that is not an instruction. */
  #dueAt = 0;
  #nextByteNs = 0;
  #fedNs = Infinity;
  #mostUnfedNs = 0;
  #end: 'restart' | 'boot-mode' | undefined;

  /** @throws Error if the boot ROM would find no second stage */
  constructor({ flash, onUart, nanosecondsPerByte = NANOSECONDS_PER_BYTE, now }: PicoChipOptions) {
    const { rp2040: chip, clock } = new Simulator();
    const second = new RP2040(clock);
    [this.#chip, this.#second, this.#clock, this.#nanosecondsPerByte] = [chip, second, clock, nanosecondsPerByte];
    this.#clocks = new Clocks(chip);
    this.#now = now ?? (() => this.#clocks.nanoseconds);
    this.#hasOwnTime = now === undefined;
    this.#startedNs = this.#now();
    chip.flash.set(flash.read(0, flash.length));
    this.nor = new NorFlash(flash, SECTOR_BYTES, TIMING);
    const clockHz = (): number => chip.clkSys;
    const ssi = new Ssi(flash, () => chip.core.cycles, clockHz);
    this.#xip = new Xip(ssi);
    this.#mailboxes = new Mailboxes(second.core);
    chip.logger = second.logger = new ChipLogger(() => wake([chip.core, second.core]));
    chip.onBreak = second.onBreak = (code) => {
      throw new Error(`a breakpoint or an undefined instruction, ${code}`);
    };
    const rom = new BootRom(this.#effects(flash, ssi), clockHz);
    const slow = new SlowMemory({
      chip,
      second,
      rom,
      ssi,
      xip: this.#xip,
      mailboxes: this.#mailboxes,
      sync: () => this.#sync(),
    });
    for (const { core } of [chip, second]) connectToBus(core, chip.sram, slow);
    this.#dma = new DmaPace(chip, this.#xip, () => this.#clocks.cycleNs);
    this.usb = new UsbController(chip);
    this.usbHost = new UsbHost(this.usb, this.#now);
    chip.uart[0]!.onByte = onUart;
    const watchdog = chip.peripherals[WATCHDOG] as unknown as Watchdog;
    watchdog.onWatchdogTrigger = () => {
      this.#end ??= 'restart';
      // The package would have it bite again and again in the same instant.
      watchdog.timer.enable = false;
    };
    const write = watchdog.writeUint32.bind(watchdog);
    watchdog.writeUint32 = (offset, value) => {
      if (offset === WATCHDOG_LOAD) this.#feedWatchdog();
      write(offset, value);
    };
    const stage = secondStage(flash);
    if (stage === undefined) throw new Error('the flash begins with no second stage');
    chip.sram.set(stage, SECOND_STAGE - RAM);
    [chip.core.SP, chip.core.PC, chip.core.LR] = [SECOND_STAGE, SECOND_STAGE, 0];
  }

  /** Of the first processor, since its start. */
  get cycles(): number {
    return this.#chip.core.cycles;
  }

  /** Of its processors, as the firmware has set it. */
  get clockHz(): number {
    return this.#chip.clkSys;
  }

  /** Of UART0, likewise. */
  get baud(): number {
    return this.#chip.uart[0]!.baudRate;
  }

  /** How it has ended, if it has. */
  get end(): 'restart' | 'boot-mode' | undefined {
    return this.#end;
  }

  /** Milliseconds until it has something to do, unless a host wants something; 0 where it is awake. */
  get sleepsMs(): number {
    return !this.#rests || this.#arrived.length > 0 ? 0 : this.#clock.nanosToNextAlarm / 1e6;
  }

  /** How long its watchdog waited at most, in milliseconds. */
  get mostUnfedMs(): number {
    return this.#mostUnfedNs / 1e6;
  }

  /** The memory, for tests that measure. */
  get ram(): Uint8Array {
    return this.#chip.sram;
  }

  /** Where both processors are: for a profile. */
  get places(): readonly [number, number] {
    return [this.#chip.core.PC, this.#second.core.PC];
  }

  /** Is told of every call of the first processor: where it goes. For measurements. */
  set onCall(listener: (address: number) => void) {
    this.#chip.core.blTaken = (core) => listener(core.PC);
  }

  /** Bytes for UART0. */
  receive(bytes: Uint8Array): void {
    for (const byte of bytes) this.#arrived.push(byte);
  }

  /**
   * Lets at least so many cycles pass, unless it ends or, in the time of hosts, sleeps before.
   *
   * @throws Error if the firmware runs into a fault; PowerLost
   */
  run(cycles: number): void {
    const { core } = this.#chip;
    try {
      for (const end = core.cycles + cycles; core.cycles < end && this.#end === undefined;) {
        this.#sync();
        this.#feed();
        this.usbHost.poll();
        if (this.#rests) return;
        this.#execute(Math.min(end, core.cycles + QUANTUM_CYCLES));
      }
    } catch (cause) {
      const places = this.places.map((place) => `0x${place.toString(16)}`).join(' and ');
      if (cause instanceof Error) cause.message += ` (the processors were at ${places})`;
      throw cause;
    }
  }

  #feedWatchdog(): void {
    const now = this.#now();
    this.#mostUnfedNs = Math.max(this.#mostUnfedNs, now - this.#fedNs);
    this.#fedNs = now;
  }

  #feed(): void {
    const { nanos } = this.#clock;
    if (this.#arrived.length === 0 || nanos < this.#nextByteNs) return;
    this.#chip.uart[0]!.feedByte(this.#arrived.shift()!);
    this.#nextByteNs = nanos + this.#nanosecondsPerByte;
  }

  #execute(until: number): void {
    const first = this.#chip.core;
    const second = this.#second.core;
    while (first.cycles < until && this.#end === undefined) {
      if (first.waiting) {
        if (this.#rests) return;
        this.#sleep(first, until);
      } else {
        first.executeInstruction();
      }
      if (this.#mailboxes.isLaunched) {
        while (second.cycles < first.cycles) {
          if (second.waiting) second.cycles = first.cycles;
          else second.executeInstruction();
        }
      } else {
        second.cycles = first.cycles;
      }
      if (first.cycles >= this.#dueAt) this.#sync();
    }
  }

  /** Until the other processor or something that is due may wake it. */
  #sleep(core: Core, until: number): void {
    core.cycles = this.#isAsleep ? Math.max(core.cycles + 1, Math.min(until, this.#dueAt)) : core.cycles + 1;
  }

  /** Until the time of hosts has gone on. */
  get #rests(): boolean {
    return !this.#hasOwnTime && this.#isAsleep && this.#dma.dueAt === Infinity;
  }

  /** Both processors wait, of which the second one, before it is launched, does nothing else. */
  get #isAsleep(): boolean {
    return this.#chip.core.waiting && (!this.#mailboxes.isLaunched || this.#second.core.waiting);
  }

  /** Lets what is not a processor catch up. */
  #sync(): void {
    const clock = this.#clock;
    this.#dma.runUntil(this.cycles);
    const passedNs = Math.max(0, this.#now() - this.#startedNs - clock.nanos);
    clock.tick(this.#hasOwnTime ? passedNs : Math.min(passedNs, this.#mostStepNs));
    // 0 stands for none.
    const toNext = clock.nanosToNextAlarm;
    const alarmAt = toNext > 0 ? this.cycles + Math.ceil(toNext / this.#clocks.cycleNs) : Infinity;
    this.#dueAt = Math.min(this.#dma.dueAt, alarmAt);
    // The package leaves a processor asleep where the interrupt is that of its own timer.
    const { core } = this.#chip;
    if (core.waiting && core.interruptsUpdated && core.checkForInterrupts()) core.waiting = false;
  }

  /** What sleeps wakes in between. */
  get #mostStepNs(): number {
    return this.#isAsleep ? Math.max(MOST_STEP_NS, this.#clock.nanosToNextAlarm) : MOST_STEP_NS;
  }

  #effects(flash: FlashStore, ssi: Ssi): RomEffects {
    const { nor } = this;
    const chip = this.#chip;
    const change = (offset: number, length: number, operation: () => void): number => {
      ssi.checkHearsCommands();
      operation();
      chip.flash.set(flash.read(offset, length), offset);
      return nor.takeSpentMs();
    };
    return {
      erase: (offset, length) =>
        change(offset, length, () => {
          for (let at = offset; at < offset + length; at += SECTOR_BYTES) nor.eraseSector(at);
        }),
      program: (offset, from, length) =>
        change(offset, length, () => {
          const bytes = chip.sram.slice(from - RAM, from - RAM + length);
          for (let at = 0; at < length; at += PAGE_BYTES)
            nor.programPage(offset + at, bytes.subarray(at, at + PAGE_BYTES));
        }),
      leaveXip: () => ssi.leaveXip(),
      flushCache: () => {
        this.#xip.flush();
        ssi.forceSelect(undefined);
      },
      enterSlowXip: () => ssi.enterSlowXip(),
      toBootMode: () => (this.#end ??= 'boot-mode'),
    };
  }
}

function wake(cores: readonly Core[]): void {
  for (const core of cores) {
    if (core.waiting) core.waiting = false;
    else core.eventRegistered = true;
  }
}
