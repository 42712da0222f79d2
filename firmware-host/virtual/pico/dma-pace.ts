/**
 * Transfers of rp2040js's DMA take no time of the chip; here each takes a cycle, and what the flash takes if it reads
 * there. Its alarms are replaced by these.
 */

import type { RP2040 } from 'rp2040js';
import { XIP_BASE, XIP_END, type Xip } from './xip.js';

/** What a channel keeps to itself. */
interface Channel {
  readonly readAddr: number;
  transferAlarm: { schedule(nanos: number): void; cancel(): void };
  transfer(): void;
}

export class DmaPace {
  readonly #channels: readonly Channel[];
  /** By channel: in which cycle its transfer is done. */
  readonly #due: Float64Array;
  #now = 0;

  /** @param cycleNanos how long a cycle is now */
  constructor(chip: RP2040, xip: Xip, cycleNanos: () => number) {
    this.#channels = chip.dma.channels as unknown as readonly Channel[];
    this.#due = new Float64Array(this.#channels.length).fill(Infinity);
    for (const [index, channel] of this.#channels.entries()) {
      channel.transferAlarm = {
        schedule: (nanos) => {
          const from = channel.readAddr >>> 0;
          const waited = from >= XIP_BASE && from < XIP_END ? xip.wait(from, this.#now) : 0;
          this.#due[index] = this.#now + Math.max(1, nanos / cycleNanos()) + waited;
        },
        cancel: () => (this.#due[index] = Infinity),
      };
    }
  }

  /** The first cycle in which there is something to do; Infinity if nothing is under way. */
  get dueAt(): number {
    return Math.min(...this.#due);
  }

  /** Makes the transfers that are done until then, in order. */
  runUntil(cycle: number): void {
    for (let due = this.dueAt; due <= cycle; due = this.dueAt) {
      const channel = this.#due.indexOf(due);
      [this.#now, this.#due[channel]] = [due, Infinity];
      this.#channels[channel]!.transfer();
    }
    this.#now = cycle;
  }
}
