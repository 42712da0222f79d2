/**
 * The state machine of DFU 1.1 (appendix A.2), over the memories that the alternate settings stand for. Pure: time is
 * asked for, nothing waits; what takes time shows in the poll timeouts.
 *
 * DFU_ABORT is also taken in dfuDNLOAD-SYNC and dfuMANIFEST-SYNC, as figure A.1 has it; the tables leave it out there.
 */

import { DETACH_TIMEOUT_MS, DFU_REQUEST, DFU_STATE, statusResponse, TRANSFER_BYTES } from './dfu-protocol.js';
import type { DfuStateName } from './dfu-protocol.js';
import type { DfuFailure, DfuMemory } from './dfu-memory.js';
import { isIn } from './setup-packet.js';
import type { SetupPacket } from './setup-packet.js';

/** When a board is in DFU mode: docs/USB.md, section 2. */
export type DfuMode = 'always' | 'reset' | 'will-detach';

export interface DfuOptions {
  readonly mode: DfuMode;
  /** Whether it starts in the runtime, in appIDLE. */
  readonly isRuntime: boolean;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** The memory of the alternate setting that is selected. */
  readonly memory: () => DfuMemory;
}

type Request = keyof typeof DFU_REQUEST;

/** In which states a host is told the state. In the others the device is not listening. */
const TELLING: ReadonlySet<DfuStateName> = new Set([
  'appIDLE',
  'appDETACH',
  'dfuIDLE',
  'dfuDNLOAD_SYNC',
  'dfuDNLOAD_IDLE',
  'dfuMANIFEST_SYNC',
  'dfuUPLOAD_IDLE',
  'dfuERROR',
]);

/** In which states a request is carried out; in others it is out of place. */
const TAKEN: Readonly<Record<Request, ReadonlySet<DfuStateName>>> = {
  detach: new Set(['appIDLE']),
  dnload: new Set(['dfuIDLE', 'dfuDNLOAD_IDLE']),
  upload: new Set(['dfuIDLE', 'dfuUPLOAD_IDLE']),
  getStatus: TELLING,
  clrStatus: new Set(['dfuERROR']),
  getState: TELLING,
  abort: new Set(['dfuIDLE', 'dfuDNLOAD_SYNC', 'dfuDNLOAD_IDLE', 'dfuMANIFEST_SYNC', 'dfuUPLOAD_IDLE']),
};

const IN_REQUESTS: ReadonlySet<Request> = new Set(['upload', 'getStatus', 'getState']);

const REQUEST_NAMES: ReadonlyMap<number, Request> = new Map(
  Object.entries(DFU_REQUEST).map(([name, number]) => [number, name as Request]),
);

/** Timers of hosts count whole milliseconds, and end up to one too early: that is no request out of place. */
const CLOCK_TOLERANCE_MS = 1;
const NOTHING = new Uint8Array(0);

export class Dfu {
  readonly #options: DfuOptions;
  #state: DfuStateName;
  #failure: DfuFailure | undefined;
  /** When dfuDNBUSY, dfuMANIFEST or appDETACH is over. */
  #untilMs = 0;
  /** Number of the next block; any, if undefined. */
  #nextBlock: number | undefined;
  /** Of an upload, in bytes. */
  #position = 0;

  constructor(options: DfuOptions) {
    this.#options = options;
    this.#state = options.isRuntime ? 'appIDLE' : 'dfuIDLE';
  }

  get state(): DfuStateName {
    this.#advance();
    return this.#state;
  }

  get failure(): DfuFailure | undefined {
    return this.#failure;
  }

  /** The host or the bus ends whatever goes on: an alternate setting, a configuration or a reset does. */
  reset(): void {
    if (this.#state === 'appIDLE' || this.#state === 'appDETACH') return;
    this.#toIdle();
    this.#failure = undefined;
  }

  /** Another request announces a download: like a block, a status follows. @param begin what the memory then does */
  announce(begin: () => void): boolean {
    if (this.state !== 'dfuIDLE') return false;
    begin();
    this.#nextBlock = undefined;
    this.#state = 'dfuDNLOAD_SYNC';
    return true;
  }

  /** The next block may have any number, and the next upload starts there. @param offset in bytes */
  seek(offset: number): void {
    this.#nextBlock = undefined;
    this.#position = offset;
  }

  /** Whether a class-specific request would be carried out now, whatever its data; else it would be stalled. */
  takes(setup: SetupPacket): boolean {
    if (!this.#isInPlace(setup)) return false;
    if (setup.request !== DFU_REQUEST.dnload) return true;
    return setup.length === 0 ? this.#canFinish : this.#isNextBlock(setup.value);
  }

  #isInPlace(setup: SetupPacket): boolean {
    const name = REQUEST_NAMES.get(setup.request);
    if (name === undefined || IN_REQUESTS.has(name) !== isIn(setup)) return false;
    const isBlock = name === 'dnload' || name === 'upload';
    return TAKEN[name].has(this.#state) && !(isBlock && setup.length > TRANSFER_BYTES);
  }

  /** A class-specific request to the interface. @returns the data of an IN request; undefined is STALL */
  handle(setup: SetupPacket, data: Uint8Array): Uint8Array | undefined {
    this.#advance();
    const request = REQUEST_NAMES.get(setup.request);
    if (request === undefined || !this.#isInPlace(setup)) return this.#outOfPlace();
    switch (request) {
      case 'detach':
        return this.#detach(setup.value);
      case 'dnload':
        return setup.length === 0 ? this.#finish() : this.#download(setup.value, data);
      case 'upload':
        return this.#upload(setup.length);
      case 'getStatus':
        return this.#getStatus();
      case 'getState':
        return Uint8Array.of(DFU_STATE[this.#state]);
      case 'clrStatus':
      case 'abort':
        break;
    }
    this.#failure = undefined;
    this.#toIdle();
    return NOTHING;
  }

  /** What time, and the memory, have changed since the last request. */
  #advance(): void {
    const isOver = this.#options.now() >= this.#untilMs;
    if (this.#state === 'appDETACH' && isOver) this.#state = 'appIDLE';
    if (this.#state === 'dfuDNBUSY' && isOver) this.#state = 'dfuDNLOAD_SYNC';
    if (this.#state === 'dfuMANIFEST' && isOver) this.#endOfManifest();
    const isDownload =
      this.#state === 'dfuDNLOAD_SYNC' || this.#state === 'dfuDNLOAD_IDLE' || this.#state === 'dfuMANIFEST_SYNC';
    const { failure } = this.#options.memory();
    if (isDownload && failure !== undefined) this.#fail(failure);
  }

  #endOfManifest(): void {
    const { memory, mode } = this.#options;
    const isWithoutReset = mode === 'always' || memory().failure !== undefined || memory().busyMs > 0;
    this.#state = isWithoutReset ? 'dfuMANIFEST_SYNC' : 'dfuMANIFEST_WAIT_RESET';
  }

  #toIdle(): void {
    this.#options.memory().abandon();
    this.#state = 'dfuIDLE';
    this.#position = 0;
    this.#nextBlock = undefined;
  }

  #fail(failure: DfuFailure): undefined {
    this.#options.memory().abandon();
    this.#failure = failure;
    this.#state = 'dfuERROR';
    return undefined;
  }

  /** STALL. A device that waits for its reset goes on waiting. */
  #outOfPlace(): undefined {
    if (this.#state === 'appIDLE' || this.#state === 'appDETACH') this.#state = 'appIDLE';
    else if (this.#state !== 'dfuERROR' && this.#state !== 'dfuMANIFEST_WAIT_RESET')
      this.#fail({ status: 'errSTALLEDPKT' });
    return undefined;
  }

  #detach(timeoutMs: number): Uint8Array {
    this.#state = 'appDETACH';
    this.#untilMs = this.#options.now() + Math.min(timeoutMs, DETACH_TIMEOUT_MS);
    return NOTHING;
  }

  #download(number: number, block: Uint8Array): Uint8Array | undefined {
    if (!this.#isNextBlock(number)) return this.#fail({ status: 'errADDRESS' });
    this.#nextBlock = (number + 1) & 0xffff;
    this.#options.memory().write(block);
    this.#state = 'dfuDNLOAD_SYNC';
    return NOTHING;
  }

  #isNextBlock(number: number): boolean {
    return this.#nextBlock === undefined || number === this.#nextBlock;
  }

  get #canFinish(): boolean {
    return this.#state === 'dfuDNLOAD_IDLE' && this.#options.memory().isWhole;
  }

  #finish(): Uint8Array | undefined {
    if (this.#state === 'dfuIDLE') return this.#outOfPlace();
    if (!this.#canFinish) return this.#fail({ status: 'errNOTDONE' });
    this.#options.memory().finish();
    this.#state = 'dfuMANIFEST_SYNC';
    return NOTHING;
  }

  #upload(length: number): Uint8Array | undefined {
    const bytes = this.#options.memory().read(this.#position, length);
    if ('status' in bytes) return this.#fail(bytes);
    this.#position += bytes.length;
    this.#state = 'dfuUPLOAD_IDLE';
    if (bytes.length < length) this.#toIdle();
    return bytes;
  }

  #getStatus(): Uint8Array {
    const { busyMs } = this.#options.memory();
    const isBusy = busyMs > 0;
    if (this.#state === 'dfuDNLOAD_SYNC') this.#state = isBusy ? 'dfuDNBUSY' : 'dfuDNLOAD_IDLE';
    else if (this.#state === 'dfuMANIFEST_SYNC') this.#manifest(isBusy);
    const waits = this.#state === 'dfuDNBUSY' || this.#state === 'dfuMANIFEST';
    if (waits) this.#untilMs = this.#options.now() + busyMs - CLOCK_TOLERANCE_MS;
    return statusResponse(this.#failure?.status ?? 'OK', waits ? busyMs : 0, this.#state);
  }

  #manifest(isBusy: boolean): void {
    if (isBusy) this.#state = 'dfuMANIFEST';
    else if (this.#options.mode === 'always') this.#toIdle();
    else this.#state = 'dfuMANIFEST_WAIT_RESET';
  }
}
