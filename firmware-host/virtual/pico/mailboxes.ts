/**
 * The two FIFOs between the processors of an RP2040 (data sheet, 2.3.1.4), and what the boot ROM of the second one does
 * with them until it is told where to begin (2.8.2).
 */

import type { RP2040 } from 'rp2040js';

type Core = RP2040['core'];

export const FIFO_STATUS = 0x50;
export const FIFO_READ = 0x58;

const FRAMES = 8;
const HAS_DATA = 1;
const HAS_ROOM = 2;
const WAS_FULL = 4;
const WAS_EMPTY = 8;
/** What the first processor sends; after these come the vectors, the stack and the entry. */
const LAUNCH = [0, 0, 1];

export class Mailboxes {
  /** By who reads them. */
  readonly #queues: readonly [number[], number[]] = [[], []];
  readonly #errors: [number, number] = [0, 0];
  readonly #second: Core;
  #launch: number[] = [];
  #isLaunched = false;

  constructor(second: Core) {
    this.#second = second;
  }

  /** Whether the second processor runs. */
  get isLaunched(): boolean {
    return this.#isLaunched;
  }

  /** @param reader which processor, 0 or 1 */
  read(reader: 0 | 1, offset: number): number {
    const queue = this.#queues[reader];
    if (offset === FIFO_STATUS) {
      const hasRoom = this.#queues[1 - reader]!.length < FRAMES;
      return (queue.length > 0 ? HAS_DATA : 0) | (hasRoom ? HAS_ROOM : 0) | this.#errors[reader];
    }
    if (queue.length === 0) this.#errors[reader] |= WAS_EMPTY;
    return queue.shift() ?? 0;
  }

  write(writer: 0 | 1, offset: number, value: number): void {
    if (offset === FIFO_STATUS) {
      this.#errors[writer] = 0;
      return;
    }
    const queue = this.#queues[1 - writer]!;
    if (writer === 0 && !this.#isLaunched) this.#hear(value);
    else if (queue.length === FRAMES) this.#errors[writer] |= WAS_FULL;
    else queue.push(value);
  }

  /** Each word is answered with itself; one that is not expected begins anew. */
  #hear(value: number): void {
    const place = this.#launch.length;
    const isExpected = place >= LAUNCH.length || LAUNCH[place] === value;
    if (!isExpected) this.#launch = value === 0 ? [0] : [];
    else this.#launch.push(value);
    if (this.#queues[0].length < FRAMES) this.#queues[0].push(value);
    if (this.#launch.length < LAUNCH.length + 3) return;
    const [vectors, stack, entry] = this.#launch.slice(LAUNCH.length) as [number, number, number];
    const core = this.#second;
    [core.VTOR, core.SP, core.PC] = [vectors, stack, entry & ~1];
    this.#isLaunched = true;
  }
}
