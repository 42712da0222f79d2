/** The DFU interface of a board: DFU 1.1 (dfu.ts) and our vendor requests beside it. docs/USB.md, sections 3 and 4. */

import { SECTORS_PER_PAGE, VENDOR_REQUEST } from '../../../protocol/usb/vendor-requests.js';
import { decodeMessage, encodeMessage } from '../../../protocol/wire/message.js';
import { ERROR } from '../../../protocol/wire/messages-board.js';
import { FLASH_BEGIN, FLASH_SUMS } from '../../../protocol/wire/messages-flash.js';
import type { Board } from '../board.js';
import { Dfu } from './dfu.js';
import type { DfuMode } from './dfu.js';
import { GATEWARE } from './dfu-memory.js';
import type { DfuMemory } from './dfu-memory.js';
import { TRANSFER_BYTES } from './dfu-protocol.js';
import type { DfuStateName } from './dfu-protocol.js';
import { isIn, TYPE } from './setup-packet.js';
import type { SetupPacket } from './setup-packet.js';
import { WeightsMemory } from './weights-memory.js';

export interface DfuFunctionOptions {
  readonly board: Board;
  readonly sectorBytes: number;
  readonly mode: DfuMode;
  readonly isRuntime: boolean;
  readonly now: () => number;
}

const NOTHING = new Uint8Array(0);

export class DfuFunction {
  readonly #options: DfuFunctionOptions;
  readonly #memories: readonly DfuMemory[];
  readonly #dfu: Dfu;
  #alternate = 0;

  constructor(options: DfuFunctionOptions) {
    this.#options = options;
    this.#memories = options.isRuntime ? [GATEWARE] : [new WeightsMemory(options.board), GATEWARE];
    this.#dfu = new Dfu({ ...options, memory: () => this.#memory });
  }

  get state(): DfuStateName {
    return this.#dfu.state;
  }

  get alternate(): number {
    return this.#alternate;
  }

  /** False if there is no such setting. Ends what goes on. */
  select(alternate: number): boolean {
    if (alternate >= this.#memories.length) return false;
    this.reset();
    this.#alternate = alternate;
    return true;
  }

  /** Ends what goes on. */
  reset(): void {
    this.#dfu.reset();
    this.#alternate = 0;
  }

  /**
   * Whether an OUT request is worth its data: some buses acknowledge the data before they ask what becomes of it, and
   * can stall only before.
   */
  takes(setup: SetupPacket): boolean {
    const { state } = this.#dfu;
    if ((setup.requestType & TYPE.mask) === TYPE.class) return this.#dfu.takes(setup);
    const isBegin = setup.request === VENDOR_REQUEST.flashBegin && state === 'dfuIDLE';
    const isSeek = setup.request === VENDOR_REQUEST.flashSeek && (state === 'dfuIDLE' || state === 'dfuDNLOAD_IDLE');
    return setup.length <= TRANSFER_BYTES && (isBegin || isSeek);
  }

  /** A class or vendor request to the interface. @returns data; undefined is STALL */
  request(setup: SetupPacket, data: Uint8Array): Uint8Array | undefined {
    this.#memory.heard();
    return (setup.requestType & TYPE.mask) === TYPE.class
      ? this.#dfu.handle(setup, data)
      : this.#vendorRequest(setup, data);
  }

  #vendorRequest(setup: SetupPacket, data: Uint8Array): Uint8Array | undefined {
    const { board } = this.#options;
    if (isIn(setup)) {
      if (setup.request === VENDOR_REQUEST.flashSums) return this.#sums(setup.value);
      if (setup.value !== 0) return undefined;
      if (setup.request === VENDOR_REQUEST.hello) return board.hello().payload;
      if (setup.request === VENDOR_REQUEST.error) return this.#error();
      return setup.request === VENDOR_REQUEST.flashHash ? board.download.sha256 : undefined;
    }
    if (setup.value !== 0 || this.#memory === GATEWARE) return undefined;
    if (setup.request === VENDOR_REQUEST.flashBegin) return this.#begin(data);
    return setup.request === VENDOR_REQUEST.flashSeek ? this.#seek(data) : undefined;
  }

  get #memory(): DfuMemory {
    return this.#memories[this.#alternate] ?? GATEWARE;
  }

  #begin(payload: Uint8Array): Uint8Array | undefined {
    const announced = decodeMessage(FLASH_BEGIN, payload);
    if (announced === undefined) return undefined;
    const { imageLength, prefix, seal } = announced;
    const { download } = this.#options.board;
    const isTaken = this.#dfu.announce(() => {
      download.announce({ imageLength, prefix: prefix.slice(), seal: seal.slice() });
    });
    return isTaken ? NOTHING : undefined;
  }

  #sums(page: number): Uint8Array | undefined {
    if (this.#dfu.state !== 'dfuDNLOAD_IDLE') return undefined;
    const { download } = this.#options.board;
    const firstSector = page * SECTORS_PER_PAGE;
    const sectors = Math.min(SECTORS_PER_PAGE, download.announcedSectors - firstSector);
    if (sectors <= 0) return undefined;
    return encodeMessage(FLASH_SUMS, { firstSector, crc32c: download.sums(firstSector, sectors) });
  }

  #seek(data: Uint8Array): Uint8Array | undefined {
    if (data.length !== 4) return undefined;
    const sector = new DataView(data.buffer, data.byteOffset).getUint32(0, true);
    const { state } = this.#dfu;
    const isSought = state === 'dfuIDLE' || (state === 'dfuDNLOAD_IDLE' && this.#options.board.download.seek(sector));
    if (isSought) this.#dfu.seek(sector * this.#options.sectorBytes);
    return isSought ? NOTHING : undefined;
  }

  #error(): Uint8Array {
    const { code = 0, facts = [0, 0] } = this.#dfu.failure?.refusal ?? {};
    return encodeMessage(ERROR, { code, request: 0, factA: facts[0], factB: facts[1] });
  }
}
