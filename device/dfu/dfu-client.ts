/**
 * The requests of DFU 1.1 to a device in DFU mode, or on its way there, and the walk through its states (appendix A).
 *
 * Nothing that a device says makes this wait for ever: each step has a time in which it must make progress, whatever
 * poll timeouts the device gives. The whole may take as long as it moves.
 */

import { BoardError } from '../board-error.js';
import type { UsbConnection } from '../usb/usb-connection.js';
import type { UsbSetup } from '../usb/usb-device.js';
import { usbBroken } from '../usb/usb-error.js';
import { dfuFailed, dfuStuck, statusRefused } from './dfu-error.js';
import { decodeStatus, DFU_OK, DFU_REQUEST, DFU_STATE, stateName } from './dfu-protocol.js';
import type { DfuState, DfuStatus } from './dfu-protocol.js';
import type { DfuSetting } from './dfu-functions.js';

/** A block, or the manifestation, must be through by then; the longest erase of a large NOR sector takes 3 s. */
const PATIENCE_MS = 30_000;

/** Linux takes control transfers of a page at most from programs. */
const MAX_BLOCK_BYTES = 4096;

/** A device that says 0 is asked again after so long. */
const MIN_POLL_MS = 1;

/** `setTimeout` comes up to so much too early, and a device may refuse to be asked too early. */
const TIMER_MARGIN_MS = 1;

/** So many requests must bring any sound device to dfuIDLE. */
const MAX_STEPS_TO_IDLE = 10;

const BUSY: ReadonlySet<DfuState> = new Set([
  DFU_STATE.downloadSync,
  DFU_STATE.downloadBusy,
  DFU_STATE.manifestSync,
  DFU_STATE.manifest,
]);

/** What is known of a device at the end of a download: it can be asked, waits for a reset, or answers no more. */
export type DownloadEnd = 'idle' | 'wait-reset' | 'silent';

/** What a device says about its last failure in a way of its own, as an error; undefined if nothing. */
type Explain = () => Promise<BoardError | undefined>;

export class DfuClient {
  readonly connection: UsbConnection;
  readonly setting: DfuSetting;
  /** Asked when the device reports an error. */
  explain: Explain = () => Promise.resolve(undefined);

  readonly #signal: AbortSignal | undefined;

  /** @param signal stops waiting for a device that is busy; what it does then is its own affair */
  constructor(connection: UsbConnection, setting: DfuSetting, signal?: AbortSignal) {
    this.connection = connection;
    this.setting = setting;
    this.#signal = signal;
  }

  get name(): string {
    return this.connection.name;
  }

  /** Bytes of a block: as many as the device and the system take. */
  get blockBytes(): number {
    return Math.min(this.setting.functional.transferSize, MAX_BLOCK_BYTES);
  }

  /** @throws BoardError `board-broken` if it does not answer as DFU 1.1 has it */
  async getStatus(limitMs?: number): Promise<DfuStatus> {
    const status = await this.statusUnlessRefused(limitMs);
    if (status === undefined) throw statusRefused(this.name);
    return status;
  }

  /** @throws BoardError `board-broken` if what it answers is no status */
  async statusUnlessRefused(limitMs?: number): Promise<DfuStatus | undefined> {
    const bytes = await this.connection.controlIn(this.#setup(DFU_REQUEST.getStatus), 6, limitMs);
    if (bytes === undefined) return undefined;
    const status = decodeStatus(bytes);
    if (typeof status === 'string') throw usbBroken(this.name, status);
    return status;
  }

  /** Asks a device in runtime mode to go to DFU mode. @throws BoardError `board-broken` if it refuses */
  async detach(): Promise<void> {
    const { detachTimeoutMs } = this.setting.functional;
    const ask = async (): Promise<boolean> =>
      await this.connection.controlOut(this.#setup(DFU_REQUEST.detach, detachTimeoutMs));
    // In appDETACH, where somebody has left it, it refuses, and is in appIDLE then (A.2.2).
    if (!(await ask()) && !(await ask())) throw usbBroken(this.name, 'it offers DFU, but refuses to go to DFU mode');
  }

  /** Brings the device to dfuIDLE, whatever was before. @throws BoardError `board-broken` if that is not to be had */
  async toIdle(limitMs?: number): Promise<void> {
    for (let step = 0; step < MAX_STEPS_TO_IDLE; step++) {
      const { state, pollTimeoutMs } = await this.getStatus(limitMs);
      switch (state) {
        case DFU_STATE.idle:
          return;
        case DFU_STATE.error:
          await this.connection.controlOut(this.#setup(DFU_REQUEST.clearStatus));
          break;
        case DFU_STATE.downloadIdle:
        case DFU_STATE.uploadIdle:
        case DFU_STATE.downloadSync:
        case DFU_STATE.manifestSync:
          await this.abort();
          break;
        case DFU_STATE.downloadBusy:
        case DFU_STATE.manifest:
          await this.#wait(Math.min(pollTimeoutMs, PATIENCE_MS));
          break;
        case DFU_STATE.appIdle:
        case DFU_STATE.appDetach:
        case DFU_STATE.manifestWaitReset:
          throw usbBroken(this.name, `it goes to the state ${stateName(state)} by itself`);
      }
    }
    throw usbBroken(this.name, 'it does not come to the state dfuIDLE');
  }

  /** Back to dfuIDLE from an unfinished download or upload. */
  async abort(): Promise<void> {
    await this.connection.controlOut(this.#setup(DFU_REQUEST.abort));
  }

  /**
   * Sends a block and waits until the device is through with it.
   *
   * @param during completes "while …"
   * @throws BoardError by the status of the device, `board-broken` if it makes no progress; AbortError
   */
  async download(
    block: number,
    data: Uint8Array<ArrayBuffer>,
    during: string,
    patienceMs = PATIENCE_MS,
  ): Promise<void> {
    const isTaken = await this.connection.controlOut(this.#setup(DFU_REQUEST.download, block & 0xffff), data);
    await this.settle(isTaken, during, DFU_STATE.downloadIdle, patienceMs);
  }

  /**
   * Waits until the device is through with a request.
   *
   * @param isTaken whether it took it; if not, its status says why
   */
  async settle(isTaken: boolean, during: string, goal: DfuState, patienceMs = PATIENCE_MS): Promise<void> {
    const state = await this.#untilIdle(during, patienceMs, async () => await this.statusUnlessRefused());
    if (state === undefined) throw statusRefused(this.name);
    if (!isTaken) throw usbBroken(this.name, `it refuses a request while ${during}, and gives no reason`);
    if (state !== goal) throw usbBroken(this.name, `it is in the state ${stateName(state)} while ${during}`);
  }

  /**
   * Ends a download. All bytes are through then, so the one failure is an error status of the device (or that it calls
   * itself busy for ever). That it leaves the bus, refuses, garbles or ignores requests is what devices do that start
   * their new contents, whether their descriptors call them manifestation tolerant or not (A.2.7 to A.2.9).
   *
   * @param limitMs for an answer
   * @returns `wait-reset` if it says that it waits for one, or falls silent after dfuMANIFEST, as A.2.9 allows
   */
  async endDownload(block: number, limitMs?: number, patienceMs = PATIENCE_MS): Promise<DownloadEnd> {
    const setup = this.#setup(DFU_REQUEST.download, block & 0xffff);
    const problem = await failureOf(this.connection.controlOut(setup, undefined, limitMs));
    // What waits for one answer in vain need not wait for the next.
    if (problem?.code === 'board-silent') return 'silent';
    let end: DownloadEnd = 'silent';
    const ask = async (): Promise<DfuStatus | undefined> => {
      const status = await unlessFailed(this.statusUnlessRefused(limitMs));
      if (status?.state === DFU_STATE.manifest) end = 'wait-reset';
      return status;
    };
    const state = await this.#untilIdle('it takes the new contents into use', patienceMs, ask);
    if (state === undefined) return end;
    return state === DFU_STATE.manifestWaitReset ? 'wait-reset' : 'idle';
  }

  /** Fewer bytes than asked for end the upload; undefined if it lets nothing be read, in whatever way. */
  async uploadIfPossible(block: number, limitMs?: number): Promise<Uint8Array | undefined> {
    const setup = this.#setup(DFU_REQUEST.upload, block & 0xffff);
    return await unlessFailed(this.connection.controlIn(setup, this.blockBytes, limitMs));
  }

  /**
   * The state in which it is when it is not busy any more; undefined if it gives no status.
   *
   * @throws BoardError by its status, or if it makes no progress; AbortError
   */
  async #untilIdle(
    during: string,
    patienceMs: number,
    ask: () => Promise<DfuStatus | undefined>,
  ): Promise<DfuState | undefined> {
    const { clock } = this.connection;
    const giveUpAtMs = clock.now() + patienceMs;
    const stuck = (status: DfuStatus): BoardError => dfuStuck(this.name, status, during, Math.round(patienceMs / 1000));
    let last: { readonly status: DfuStatus; readonly busyUntilMs: number } | undefined;
    for (;;) {
      const status = await ask();
      if (status === undefined) {
        // Silent in a time that it has asked for itself: its work is not done.
        if (last !== undefined && clock.now() < last.busyUntilMs) throw stuck(last.status);
        return undefined;
      }
      const { state, pollTimeoutMs } = status;
      if (status.status !== DFU_OK || state === DFU_STATE.error) throw await this.#failure(status, during);
      if (!BUSY.has(state)) return state;
      const leftMs = giveUpAtMs - clock.now();
      if (leftMs <= 0) throw stuck(status);
      last = { status, busyUntilMs: clock.now() + pollTimeoutMs };
      await this.#wait(Math.min(pollTimeoutMs, leftMs));
    }
  }

  async #failure(status: DfuStatus, during: string): Promise<BoardError> {
    const known = await this.explain();
    if (known !== undefined) return known;
    return dfuFailed(this.name, status, during, await this.connection.string(status.textIndex));
  }

  async #wait(durationMs: number): Promise<void> {
    const { clock } = this.connection;
    const delayMs = Math.max(MIN_POLL_MS, durationMs) + TIMER_MARGIN_MS;
    await new Promise<void>((resolve) => {
      const stop = (): void => {
        cancel();
        this.#signal?.removeEventListener('abort', stop);
        resolve();
      };
      const cancel = clock.after(delayMs, stop);
      this.#signal?.addEventListener('abort', stop);
    });
    this.#signal?.throwIfAborted();
  }

  #setup(request: number, value = 0): UsbSetup {
    return { requestType: 'class', recipient: 'interface', request, value, index: this.setting.interfaceNumber };
  }
}

/** What a request leads to; undefined if it fails at the device or on the way. */
export async function unlessFailed<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof BoardError) return undefined;
    throw error;
  }
}

async function failureOf(request: Promise<unknown>): Promise<BoardError | undefined> {
  try {
    await request;
    return undefined;
  } catch (error) {
    if (error instanceof BoardError) return error;
    throw error;
  }
}
