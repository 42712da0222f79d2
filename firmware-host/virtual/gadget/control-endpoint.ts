/**
 * The control requests that Linux passes to a FunctionFS function, one after the other. A read waits in a thread of its
 * own until something comes; taking the gadget off the bus ends it.
 */

import { close, open, read, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { TRANSFER_BYTES } from '../../firmware/usb/dfu-protocol.js';
import { isIn } from '../../firmware/usb/setup-packet.js';
import type { SetupPacket } from '../../firmware/usb/setup-packet.js';
import { decodeEvent, EVENT_BYTES } from './functionfs.js';
import type { FunctionEvent } from './functionfs.js';

/** Who answers them. */
export interface ControlRequests {
  /** Whether an OUT request is worth its data: what was acknowledged cannot be stalled any more. */
  takes(setup: SetupPacket): boolean;
  /** @returns the data of an IN request; undefined is STALL */
  request(setup: SetupPacket, data: Uint8Array): Uint8Array | undefined;
  /** Anything but a request: the host has come or gone. */
  onEvent(kind: Exclude<FunctionEvent['kind'], 'setup'>): void;
}

const openFile = promisify(open);
const closeFile = promisify(close);
// The promises of `node:fs/promises` leave out reads and writes of 0 bytes, which mean something here.
const readFile = promisify(read);
const writeFile = promisify(write);

/**
 * Ends of a request that are no failure, by number, because Node has names for neither: EL2HLT, it was stalled as it
 * should be, and EIDRM, the host has given it up and may ask the next one already.
 */
const REQUEST_OVER: ReadonlySet<unknown> = new Set([-51, -43]);
const NOTHING = new Uint8Array(0);

export class ControlEndpoint {
  readonly #file: number;
  #isClosed = false;

  private constructor(file: number) {
    this.#file = file;
  }

  /** @throws the operating system's error */
  static async open(path: string): Promise<ControlEndpoint> {
    return new ControlEndpoint(await openFile(path, 'r+'));
  }

  /** Descriptors, then strings: before the gadget is connected. @throws the operating system's error */
  describe(bytes: Uint8Array): void {
    writeSync(this.#file, bytes);
  }

  /** Answers requests until {@link close}. @throws the operating system's error */
  async serve(requests: ControlRequests): Promise<void> {
    const bytes = new Uint8Array(EVENT_BYTES);
    for (;;) {
      const { bytesRead } = await readFile(this.#file, bytes, 0, EVENT_BYTES, null);
      if (this.#isClosed) break;
      const event = bytesRead === EVENT_BYTES ? decodeEvent(bytes) : undefined;
      if (event?.kind === 'setup') await this.#answer(requests, event.setup);
      else if (event !== undefined) requests.onEvent(event.kind);
    }
    await closeFile(this.#file);
  }

  /** The next event is the last one; disconnecting the gadget brings it. */
  close(): void {
    this.#isClosed = true;
  }

  async #answer(requests: ControlRequests, setup: SetupPacket): Promise<void> {
    try {
      await (isIn(setup) ? this.#answerIn(requests, setup) : this.#answerOut(requests, setup));
    } catch (error) {
      if (!(error instanceof Error && 'errno' in error && REQUEST_OVER.has(error.errno))) throw error;
    }
  }

  async #answerIn(requests: ControlRequests, setup: SetupPacket): Promise<void> {
    const answer = requests.request(setup, NOTHING)?.subarray(0, setup.length);
    // To stall is to read where data is to be written, and the other way round.
    if (answer === undefined) await readFile(this.#file, new Uint8Array(1), 0, 1, null);
    else await writeFile(this.#file, answer, 0, answer.length, null);
  }

  async #answerOut(requests: ControlRequests, setup: SetupPacket): Promise<void> {
    if (!requests.takes(setup)) {
      requests.request(setup, new Uint8Array(setup.length));
      await writeFile(this.#file, new Uint8Array(1), 0, 1, null);
      return;
    }
    // Node leaves out reads of 0 bytes; the kernel reads no more than the request has.
    const data = new Uint8Array(TRANSFER_BYTES);
    const { bytesRead } = await readFile(this.#file, data, 0, Math.max(1, setup.length), null);
    requests.request(setup, data.subarray(0, Math.min(bytesRead, setup.length)));
  }
}
