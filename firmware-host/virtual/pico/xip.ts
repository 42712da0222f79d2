/**
 * The RP2040's window to its flash (data sheet, 2.6.3): a cache of 16 KiB, two ways, lines of eight bytes, in front of
 * the SSI, which is one for all who read. What a read costs is counted in cycles of the system clock; what it gives is
 * in the flash.
 */

import type { Ssi } from './ssi.js';

export const XIP_BASE = 0x1000_0000;
export const XIP_END = 0x1400_0000;

const LINE_BYTES = 8;
const SETS = 1024;
/** Bits of an address that choose among the four windows: cached, not allocating, twice not cached. */
const NOT_ALLOCATING = 0x0100_0000;
const NOT_CACHED = 0x0200_0000;
const WORD_BYTES = 4;

export class Xip {
  readonly #ssi: Ssi;
  /** Two ways of a set beside each other, the one used last first. */
  readonly #lines = new Int32Array(2 * SETS).fill(-1);
  #freeAt = 0;
  #misses = 0;

  constructor(ssi: Ssi) {
    this.#ssi = ssi;
  }

  /** Lines and words that came from the flash. */
  get misses(): number {
    return this.#misses;
  }

  flush(): void {
    this.#lines.fill(-1);
  }

  /**
   * Whoever reads at `now` has the data so many cycles later than from memory.
   *
   * @param address within the window
   * @throws Error if the flash cannot be read now
   */
  wait(address: number, now: number): number {
    const isCached = (address & NOT_CACHED) === 0;
    const isAllocating = isCached && (address & NOT_ALLOCATING) === 0;
    const readCycles = this.#ssi.readCycles(isAllocating ? LINE_BYTES : WORD_BYTES);
    const start = Math.max(now, this.#freeAt);
    if (isCached && this.#hits((address & 0xff_ffff) >>> 3, isAllocating)) return start - now;
    this.#misses++;
    this.#freeAt = start + readCycles;
    return this.#freeAt - now;
  }

  #hits(line: number, isAllocating: boolean): boolean {
    const first = 2 * (line % SETS);
    if (this.#lines[first] === line) return true;
    const isSecond = this.#lines[first + 1] === line;
    if (isSecond || isAllocating) {
      this.#lines[first + 1] = this.#lines[first]!;
      this.#lines[first] = line;
    }
    return isSecond;
  }
}
