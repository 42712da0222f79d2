/**
 * A SPI NOR flash behind an {@link FtdiChannel}: the commands that the parts of all makers share (JESD216, and the data
 * sheets of Winbond W25Q128JV and Micron N25Q032A).
 *
 * Many commands go into one transfer, with the waits between them counted in clocks. What the flash did is then read
 * from the status that was fetched in between; the waits only have to be long enough most times.
 */

import type { FtdiChannel } from './ftdi-channel.js';
import { hasSecondStatus, identityOf, isNobody, protectionOf, unprotected } from './flash-identity.js';
import type { FlashIdentity } from './flash-identity.js';
import { isConfigured, MpsseCommands } from './mpsse-commands.js';
import { PAGE_BYTES, SECTOR_BYTES } from './program-plan.js';
import { flashProtected, flashRefusesWrite, flashStuck, noFlash, unknownFlash } from './spi-flash-error.js';
import { hexOf } from '../../protocol/hex.js';

const COMMAND = {
  writeStatus: 0x01,
  program: 0x02,
  readStatus: 0x05,
  writeEnable: 0x06,
  fastRead: 0x0b,
  eraseSector: 0x20,
  readSecondStatus: 0x35,
  readIdentity: 0x9f,
  wakeUp: 0xab,
  eraseBlock: 0xd8,
} as const;

const BUSY = 1;
const WRITE_ENABLED = 2;

/** A flash that waits for the address of a continued read takes these as its end. */
const END_OF_CONTINUED_READ = Array.from({ length: 8 }, () => 0xff);

/** For which pages are programmed in one transfer: 16 KiB. */
const BATCH_PAGES = 64;

/** Waits begin with what parts take typically, or a little more… */
const TYPICAL_MS = { program: 0.75, eraseSector: 45, eraseBlock: 150 };
/** …and end with several times the longest of any data sheet. */
const LONGEST_MS = { program: 50, eraseSector: 4000, eraseBlock: 15_000, writeStatus: 2000, left: 15_000 };

/** Reads of the status in one transfer. */
const POLLS = 4;

const BOOT_POLLS = 40;
const BOOT_POLL_MS = 25;

/** What {@link SpiNor.identify} found; `protection` names set block-protect bits. */
export interface FlashFacts extends FlashIdentity {
  readonly protection: string;
}

export class SpiNor {
  readonly #channel: FtdiChannel;
  #id = new Uint8Array(3);
  #programMs = TYPICAL_MS.program;

  constructor(channel: FtdiChannel) {
    this.#channel = channel;
  }

  /** Takes the flash from the FPGA, wakes it and asks what it is. @throws BoardError */
  async identify(): Promise<FlashFacts> {
    const channel = this.#channel;
    const commands = new MpsseCommands().holdFpga().wait(channel.clocksOf(0.1));
    commands.flash(END_OF_CONTINUED_READ).flash([COMMAND.wakeUp]).wait(channel.clocksOf(0.1));
    commands.flash([COMMAND.readIdentity], undefined, 3);
    this.#id = new Uint8Array(await channel.run(commands, 'the flash was asked what it is'));
    if (isNobody(this.#id)) throw noFlash(channel.name, hexOf(this.#id));
    // Whoever was here before may have left in the middle of an erasure, and some parts tell nothing meanwhile.
    await this.#waitUntilIdle('what was begun before', LONGEST_MS.left);
    const identity = identityOf(this.#id);
    if (identity === undefined) throw unknownFlash(channel.name, hexOf(this.#id));
    return { ...identity, protection: await this.#protection() };
  }

  /** Clears the block-protect bits. @throws BoardError if that has no effect */
  async unprotect(): Promise<void> {
    const { name } = this.#channel;
    const [status, second] = await this.#statuses();
    const commands = this.#enabled().flash([COMMAND.writeStatus, ...unprotected(this.#id, status, second)]);
    await this.#channel.run(commands, 'write protection was cleared');
    await this.#waitUntilIdle('its status register', LONGEST_MS.writeStatus);
    const left = await this.#protection();
    if (left !== '') throw flashProtected(name, left, true);
  }

  /** @param length at most 65,536, which is one transfer */
  async read(offset: number, length: number): Promise<Uint8Array> {
    // Of the two commands to read, the one that every part takes at 30 MHz; its dummy byte is the last 0.
    const commands = new MpsseCommands().flash([COMMAND.fastRead, ...address(offset), 0], undefined, length);
    return await this.#channel.run(commands, 'the flash was read');
  }

  /** @param offset a multiple of `length`, which is 4096 or 65,536 */
  async erase({ offset, length }: { readonly offset: number; readonly length: number }): Promise<void> {
    const kind = length === SECTOR_BYTES ? 'eraseSector' : 'eraseBlock';
    const commands = this.#enabled().flash([COMMAND[kind], ...address(offset)]);
    commands.wait(this.#channel.clocksOf(TYPICAL_MS[kind]));
    const [status = 0] = await this.#channel.run(commands, 'the flash was erased');
    if (!isAccepted(status)) throw flashRefusesWrite(this.#channel.name, offset);
    await this.#waitUntilIdle(`the erasure of ${length} bytes at ${offset}`, LONGEST_MS[kind]);
  }

  /**
   * Programs pages that are erased. The next one is sent when the one before should be done. If it was not, the flash
   * has ignored the next, which its status tells; that one goes into another batch, with longer waits.
   *
   * @param offsets multiples of 256 @param contentOf 256 bytes
   */
  async program(offsets: readonly number[], contentOf: (offset: number) => Uint8Array): Promise<void> {
    let left = offsets;
    while (left.length > 0) {
      const batch = left.slice(0, BATCH_PAGES);
      const commands = new MpsseCommands();
      for (const offset of batch) {
        this.#enabled(commands).flash([COMMAND.program, ...address(offset)], contentOf(offset));
        commands.wait(this.#channel.clocksOf(this.#programMs));
      }
      commands.flash([COMMAND.readStatus], undefined, 1);
      const statuses = await this.#channel.run(commands, 'the flash was programmed');
      const ignored = batch.filter((_, index) => !isAccepted(statuses[index] ?? 0));
      // It was idle when the first came.
      if (ignored[0] === batch[0]) throw flashRefusesWrite(this.#channel.name, batch[0] ?? 0);
      if (ignored.length > 0) this.#programMs = Math.min(1.5 * this.#programMs, LONGEST_MS.program);
      if (((statuses.at(-1) ?? 0) & BUSY) !== 0) {
        await this.#waitUntilIdle(`a program of ${PAGE_BYTES} bytes`, LONGEST_MS.program);
      }
      left = [...ignored, ...left.slice(batch.length)];
    }
  }

  /** Lets the FPGA start. @returns whether it has found a bitstream within a second */
  async releaseFpga(): Promise<boolean> {
    const channel = this.#channel;
    const doing = 'the FPGA was started';
    await channel.run(new MpsseCommands().releaseFpga(), doing);
    for (let poll = 0; poll < BOOT_POLLS; poll++) {
      // SCK is an input now, so that waiting in clocks disturbs nobody.
      const commands = new MpsseCommands().wait(channel.clocksOf(BOOT_POLL_MS)).readPins();
      const [pins = 0] = await channel.run(commands, doing);
      if (isConfigured(pins)) return true;
    }
    return false;
  }

  /** Write enable, and the status that tells whether it was heard. */
  #enabled(commands = new MpsseCommands()): MpsseCommands {
    return commands.flash([COMMAND.writeEnable]).flash([COMMAND.readStatus], undefined, 1);
  }

  async #protection(): Promise<string> {
    return protectionOf(this.#id, ...(await this.#statuses()));
  }

  async #statuses(): Promise<[number, number]> {
    const commands = new MpsseCommands().flash([COMMAND.readStatus], undefined, 1);
    if (hasSecondStatus(this.#id)) commands.flash([COMMAND.readSecondStatus], undefined, 1);
    const [first = 0, second = 0] = await this.#channel.run(commands, 'the status of the flash was read');
    return [first, second];
  }

  /**
   * Time is counted in the clocks that were sent; that of the computer only ends the wait for a programmer that is
   * slow.
   */
  async #waitUntilIdle(what: string, limitMs: number): Promise<void> {
    const channel = this.#channel;
    // Short waits first: most times it is done soon.
    let pauseMs = 0.2;
    const startMs = channel.now();
    for (let clockedMs = 0; ;) {
      const commands = new MpsseCommands();
      for (let poll = 0; poll < POLLS; poll++) {
        commands.flash([COMMAND.readStatus], undefined, 1).wait(channel.clocksOf(poll === POLLS - 1 ? 0 : pauseMs));
      }
      const statuses = await channel.run(commands, `the flash was busy with ${what}`);
      if (statuses.some((status) => (status & BUSY) === 0)) return;
      clockedMs += channel.msOf(commands.clocks);
      const waitedMs = Math.max(clockedMs, channel.now() - startMs);
      if (waitedMs > limitMs) throw flashStuck(channel.name, what, waitedMs);
      pauseMs = Math.min(2 * pauseMs, 20);
    }
  }
}

/** The command after this status was carried out: the flash was idle and write-enabled. */
function isAccepted(status: number): boolean {
  return (status & (BUSY | WRITE_ENABLED)) === WRITE_ENABLED;
}

function address(offset: number): number[] {
  return [offset >> 16, (offset >> 8) & 0xff, offset & 0xff];
}
