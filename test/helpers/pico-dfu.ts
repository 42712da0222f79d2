/** DFU 1.1 with the binary for RP2040, as `dfu-util` does it. */

import type { FlashStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { CLOCK_HZ } from '../../firmware-host/virtual/pico/pico-chip.js';
import { VENDOR_REQUEST } from '../../protocol/usb/vendor-requests.js';
import { decodeMapMessage } from '../../protocol/wire/message.js';
import { HELLO, type Hello } from '../../protocol/wire/messages-board.js';
import { PicoOnUsb, type ChipOnUsb } from './pico-on-usb.js';

const INTERFACE = 2;
/** Of its functional descriptor. */
const BLOCK_BYTES = 2048;
const DOWNLOAD_IDLE = 5;
const ERROR = 10;
/** dfuDNBUSY and dfuMANIFEST. */
const BUSY: ReadonlySet<number> = new Set([4, 7]);
const NOTHING = new Uint8Array(0);

export class PicoDfu {
  readonly pico: PicoOnUsb;

  constructor(from: FlashStore | ChipOnUsb) {
    this.pico = new PicoOnUsb(from);
    this.pico.configure();
  }

  hello(): Hello {
    const hello = decodeMapMessage(HELLO, this.#in(0xc1, VENDOR_REQUEST.hello, 0, 1024) as Uint8Array);
    if ('problem' in hello) throw new Error(hello.problem);
    return hello.value;
  }

  /** Status and state, when it is not busy any more. */
  settle(): readonly [status: number, state: number] {
    for (;;) {
      const [status = 0, low = 0, middle = 0, , state = 0] = this.#in(0xa1, 3, 0, 6) as Uint8Array;
      if (!BUSY.has(state)) return [status, state];
      this.pico.chip.run(((low + 256 * middle) * CLOCK_HZ) / 1000);
    }
  }

  /** @returns what ends it: 0 and dfuIDLE (2) if all is well */
  download(image: Uint8Array, blockBytes = BLOCK_BYTES): readonly [status: number, state: number] {
    let block = 0;
    for (let at = 0; at < image.length; at += blockBytes) {
      this.#out(1, block++, image.subarray(at, at + blockBytes));
      const end = this.settle();
      if (end[1] !== DOWNLOAD_IDLE) return end;
    }
    this.#out(1, block, NOTHING);
    return this.settle();
  }

  /** @throws Error if it is refused */
  upload(): Uint8Array {
    const blocks: Uint8Array[] = [];
    for (;;) {
      const block = this.#in(0xa1, 2, blocks.length, BLOCK_BYTES);
      if (block === 'stall') throw new Error(`the upload is refused: ${this.settle().join(', ')}`);
      blocks.push(block);
      if (block.length < BLOCK_BYTES) return new Uint8Array(Buffer.concat(blocks));
    }
  }

  /** CLRSTATUS, from dfuERROR. */
  clear(): void {
    if (this.settle()[1] === ERROR) this.#out(4, 0, NOTHING);
  }

  #out(request: number, value: number, data: Uint8Array): void {
    this.pico.control({ requestType: 0x21, request, value, index: INTERFACE, data });
  }

  #in(requestType: number, request: number, value: number, length: number): Uint8Array | 'stall' {
    return this.pico.control({ requestType, request, value, index: INTERFACE, length });
  }
}
