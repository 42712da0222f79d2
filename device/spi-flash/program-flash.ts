/**
 * Brings bytes into the SPI flash of a board with an FT2232H (iCEBreaker, iCEstick and others). The FPGA is held in
 * reset meanwhile, and starts afterwards, also when something went wrong.
 *
 * Only sectors that differ are erased, only pages that differ are programmed, and what was written is read back: an
 * interrupted run goes on when it is repeated. Bytes beside the segments are kept, but where they share a sector of 4
 * KiB with bytes that change, a power cut can take them.
 */

import { systemClock } from '../clock.js';
import type { Clock } from '../clock.js';
import type { UsbDeviceInfo, UsbHost } from '../usb/usb-device.js';
import { suitsGateware } from './flash-identity.js';
import { FtdiChannel } from './ftdi-channel.js';
import { PAGE_BYTES, planProgram, spansOf, wantedBytes } from './program-plan.js';
import type { FlashSegment, FlashSpan, ProgramPlan } from './program-plan.js';
import { flashDiffers, flashNotForGateware, flashProtected, flashTooSmall } from './spi-flash-error.js';
import { SpiNor } from './spi-nor.js';
import type { FlashFacts } from './spi-nor.js';

export interface ProgramFlashOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the segments that are done. */
  readonly onProgress?: (doneBytes: number) => void;
  /** Of SPI, at most 30 MHz (the chip has 30, 15, 10, 7.5, 6, 5 … MHz). */
  readonly clockHz: number;
  readonly clock?: Clock;
  /** Only says what would be done. The FPGA is held meanwhile all the same. */
  readonly dryRun?: boolean;
  /** Clears block-protect bits, if they are set and something has to be written. */
  readonly unprotect?: boolean;
  /** The gateware of this project is to read from the flash: refuses parts that it cannot read from. */
  readonly forGateware?: boolean;
}

export interface ProgramReport {
  readonly flash: FlashFacts;
  /** What was done, or would be. */
  readonly erasedBytes: number;
  readonly programmedBytes: number;
  /** Whether the FPGA has found a bitstream afterwards. */
  readonly isConfigured: boolean;
}

/**
 * @param segments that do not overlap, anywhere in the flash
 * @throws BoardError; RangeError for segments that overlap; AbortError
 */
export async function programFlash(
  host: UsbHost,
  info: UsbDeviceInfo,
  segments: readonly FlashSegment[],
  options: ProgramFlashOptions,
): Promise<ProgramReport> {
  const { signal, clockHz, clock = systemClock } = options;
  const spans = spansOf(segments);
  signal?.throwIfAborted();
  const channel = await FtdiChannel.open(host, info, { clock, clockHz, signal });
  const nor = new SpiNor(channel);
  try {
    const flash = await nor.identify();
    const job = new ProgramJob(nor, flash, channel.name, options);
    await job.programAll(spans);
    const { erasedBytes, programmedBytes } = job;
    return { flash, erasedBytes, programmedBytes, isConfigured: await nor.releaseFpga() };
  } catch (error) {
    // The first error is the one to tell.
    if (!channel.isDead) await nor.releaseFpga().catch(() => {});
    throw error;
  } finally {
    await channel.close();
  }
}

class ProgramJob {
  erasedBytes = 0;
  programmedBytes = 0;
  readonly #nor: SpiNor;
  readonly #flash: FlashFacts;
  readonly #name: string;
  readonly #options: ProgramFlashOptions;
  #isWritable: boolean;

  constructor(nor: SpiNor, flash: FlashFacts, name: string, options: ProgramFlashOptions) {
    this.#nor = nor;
    this.#flash = flash;
    this.#name = name;
    this.#options = options;
    this.#isWritable = flash.protection === '';
  }

  async programAll(spans: readonly FlashSpan[]): Promise<void> {
    const { forGateware = false } = this.#options;
    const { manufacturer, jedecId } = this.#flash;
    if (forGateware && !suitsGateware(this.#flash)) throw flashNotForGateware(this.#name, manufacturer, jedecId);
    const endBytes = spans.reduce((end, { pieces }) => Math.max(end, ...pieces.map(endOf)), 0);
    if (endBytes > this.#flash.flashBytes) throw flashTooSmall(this.#name, endBytes, this.#flash.flashBytes);
    let doneBytes = 0;
    for (const span of spans) {
      this.#options.signal?.throwIfAborted();
      await this.#program(span);
      doneBytes += span.pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
      this.#options.onProgress?.(doneBytes);
    }
  }

  async #program(span: FlashSpan): Promise<void> {
    const old = await this.#nor.read(span.offset, span.length);
    const wanted = wantedBytes(span, old);
    const plan = planProgram(span.offset, old, wanted);
    if (plan.erasures.length + plan.pages.length === 0) return;
    this.erasedBytes += plan.erasures.reduce((sum, { length }) => sum + length, 0);
    this.programmedBytes += PAGE_BYTES * plan.pages.length;
    if (this.#options.dryRun === true) return;
    await this.#makeWritable();
    await this.#carryOut(plan, (offset) => wanted.subarray(offset - span.offset, offset - span.offset + PAGE_BYTES));
    const read = await this.#nor.read(span.offset, span.length);
    const wrong = wanted.findIndex((byte, index) => byte !== read[index]);
    if (wrong >= 0) throw flashDiffers(this.#name, span.offset + wrong, read[wrong] ?? 0, wanted[wrong] ?? 0);
  }

  async #carryOut({ erasures, pages }: ProgramPlan, contentOf: (offset: number) => Uint8Array): Promise<void> {
    for (const erasure of erasures) {
      this.#options.signal?.throwIfAborted();
      await this.#nor.erase(erasure);
    }
    this.#options.signal?.throwIfAborted();
    await this.#nor.program(pages, contentOf);
  }

  /** Before the first change, so that a run that has nothing to do leaves protection alone. */
  async #makeWritable(): Promise<void> {
    if (this.#isWritable) return;
    if (this.#options.unprotect !== true) throw flashProtected(this.#name, this.#flash.protection, false);
    await this.#nor.unprotect();
    this.#isWritable = true;
  }
}

function endOf({ offset, bytes }: FlashSegment): number {
  return offset + bytes.length;
}
