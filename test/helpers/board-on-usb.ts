/** A board and the transfers of a USB host, in a time that only moves when told; with DFU as a host does it. */

import { Board } from '../../firmware-host/firmware/board.js';
import type { BoardOptions } from '../../firmware-host/firmware/board.js';
import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { NorFlash } from '../../firmware-host/firmware/flash/nor-flash.js';
import type { FlashTiming } from '../../firmware-host/firmware/flash/nor-flash.js';
import type { PowerCut } from '../../firmware-host/firmware/flash/power-cut.js';
import { installImage } from '../../firmware-host/firmware/install-image.js';
import type { BoardDevice } from '../../firmware-host/firmware/usb/board-device.js';
import type { DfuMode } from '../../firmware-host/firmware/usb/dfu.js';
import type { Wire } from '../../firmware-host/virtual/wires/wire.js';
import { memorySource } from '../../protocol/byte-source.js';
import { MODEL_LIMITS } from '../../protocol/image/model-shape.js';
import { sealBytes } from '../../protocol/image/image-seal.js';
import { encodeMessage } from '../../protocol/wire/message.js';
import { FLASH_BEGIN } from '../../protocol/wire/messages-flash.js';
import { C_BOARD, CBoard } from './c-board.js';
import { deviceOf } from './c-dfu-device.js';
import { sha256 } from './tiny-image.js';

const SECTOR_BYTES = 4096;
const FLASH_SECTORS = 2 + 2 * 12;
const IDENTITY = { board: 'test', serial: 'T-1', firmware: '0' };

export interface UsbSetup extends Partial<Omit<BoardOptions, 'flash' | 'now' | 'bootNonce'>> {
  /** What the flash holds; erased if absent. */
  readonly bits?: Uint8Array;
  /** Is in the flash already, confirmed. */
  readonly image?: Uint8Array;
  readonly timing?: FlashTiming;
  readonly cut?: PowerCut;
  readonly mode?: DfuMode;
}

/** An answer to DFU_GETSTATUS. */
export interface Status {
  readonly status: number;
  readonly pollMs: number;
  readonly state: number;
}

export const STATE = { dfuIDLE: 2, dfuDNBUSY: 4, dfuDNLOAD_IDLE: 5, dfuMANIFEST: 7, waitReset: 8, dfuERROR: 10 };

/** Fields of a setup packet, as far as they are not 0, and the data of an OUT transfer. */
export interface ControlFields {
  readonly value?: number;
  readonly index?: number;
  readonly data?: Uint8Array;
  /** As long as the data, if absent. */
  readonly length?: number;
}

const NOTHING = new Uint8Array(0);
const MAX_POLLS = 1000;

export class BoardOnUsb {
  nowMs = 0;
  readonly bits: Uint8Array;
  readonly flash: NorFlash;
  readonly board: Board;
  readonly device: BoardDevice;
  /** Serial ports that the board has offered, the last one open. */
  readonly wires: Wire[] = [];
  /** Of the DFU interface. */
  dfuInterface = 2;

  /** @throws PowerLost if the cut comes at the start */
  constructor(setup: UsbSetup = {}) {
    this.bits = setup.bits ?? new Uint8Array(FLASH_SECTORS * SECTOR_BYTES).fill(0xff);
    if (setup.image !== undefined) {
      installImage(new NorFlash(memoryStore(this.bits), SECTOR_BYTES), setup.slots ?? 2, memorySource(setup.image));
    }
    const now = (): number => this.nowMs;
    this.flash = new NorFlash(memoryStore(this.bits), SECTOR_BYTES, setup.timing);
    if (setup.cut !== undefined) this.flash.cutPower(setup.cut);
    const options: BoardOptions = {
      identity: IDENTITY,
      slots: 2,
      policy: { limits: MODEL_LIMITS, minimumRevision: 0 },
      ...setup,
      flash: this.flash,
      bootNonce: 1,
      now,
    };
    this.board = C_BOARD === undefined ? new Board(options) : (new CBoard(C_BOARD, options) as unknown as Board);
    this.device = deviceOf({
      board: this.board,
      identity: IDENTITY,
      sectorBytes: SECTOR_BYTES,
      mode: setup.mode ?? 'always',
      now,
      onWire: (wire) => this.wires.push(wire),
      onReady: () => {},
    });
    this.device.configure(1);
  }

  /** SHA-256 of the image that runs, as hexadecimal text; empty if none does. */
  get running(): string {
    const source = this.board.images.running?.source;
    return source === undefined ? '' : hashOf(source.read(0, source.length));
  }

  /** A control transfer, and the work that it gives the board. @returns undefined if it is stalled */
  control(
    requestType: number,
    request: number,
    { value = 0, index = this.dfuInterface, data = NOTHING, length }: ControlFields = {},
  ): Uint8Array | undefined {
    const answer = this.device.control({ requestType, request, value, index, length: length ?? data.length }, data);
    this.work();
    return answer;
  }

  /** Lets the board do all that it can do without time. */
  work(): void {
    for (let polls = 0; polls < MAX_POLLS && this.board.poll() === 0; polls++);
  }

  status(): Status {
    const [status = -1, low = 0, middle = 0, high = 0, state = -1] = this.control(0xa1, 3, { length: 6 }) ?? [];
    return { status, pollMs: low + 256 * middle + 65_536 * high, state };
  }

  /** GETSTATUS until the board is not busy, as long as it says. */
  settle(): Status {
    for (;;) {
      const status = this.status();
      if (status.state !== STATE.dfuDNBUSY && status.state !== STATE.dfuMANIFEST) return status;
      this.nowMs += status.pollMs;
      this.work();
    }
  }

  /** One block and its status; undefined if it is stalled. */
  block(value: number, data: Uint8Array): Status | undefined {
    return this.control(0x21, 1, { value, data }) === undefined ? undefined : this.settle();
  }

  /** A whole download, as `dfu-util` does it; ends at the first status that is not right. */
  download(image: Uint8Array, blockBytes = 4096): Status {
    let number = 0;
    for (let at = 0; at < image.length; at += blockBytes) {
      const status = this.block(number++ & 0xffff, image.subarray(at, at + blockBytes));
      if (status?.state !== STATE.dfuDNLOAD_IDLE) return status ?? this.status();
    }
    this.control(0x21, 1, { value: number & 0xffff });
    return this.settle();
  }

  upload(blockBytes = 4096): Uint8Array {
    const blocks: Uint8Array[] = [];
    for (;;) {
      const block = this.control(0xa1, 2, { value: blocks.length, length: blockBytes });
      if (block === undefined) throw new Error('the upload was stalled');
      blocks.push(block);
      if (block.length < blockBytes) return new Uint8Array(Buffer.concat(blocks));
    }
  }

  /** Code and facts of the last refusal. */
  refusal(): [number, number, number] {
    const bytes = this.control(0xc1, 0x81, { length: 12 }) ?? new Uint8Array(12);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return [view.getUint16(0, true), view.getUint32(4, true), view.getUint32(8, true)];
  }

  /** Announces an image. */
  announce(image: Uint8Array, signed = false): Status | undefined {
    const seal = image.subarray(image.length - sealBytes(signed));
    const data = encodeMessage(FLASH_BEGIN, { imageLength: image.length, prefix: image.subarray(0, 272), seal });
    return this.control(0x41, 0x20, { data }) === undefined ? undefined : this.settle();
  }

  /** Where the next block goes. */
  seek(sector: number): boolean {
    return this.control(0x41, 0x22, { data: new Uint8Array(Uint32Array.of(sector).buffer) }) !== undefined;
  }

  /** Checksums of the sectors in the slot; undefined if it is stalled. */
  sums(page = 0): number[] | undefined {
    const bytes = this.control(0xc1, 0x21, { value: page, length: 4096 });
    return bytes && Array.from(new Uint32Array(bytes.slice(8).buffer));
  }
}

export function hashOf(bytes: Uint8Array): string {
  return Buffer.from(sha256(bytes)).toString('hex');
}
