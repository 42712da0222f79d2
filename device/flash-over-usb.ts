/**
 * Brings an image file onto a board of ours over DFU: only the sectors that differ are sent, so that an interrupted
 * flash goes on and an update costs what has changed; then the same board proves over its serial port what it runs.
 * docs/USB.md, sections 3 and 4.
 */

import { randomInt } from 'node:crypto';
import type { ImageFile } from '../model/image-file.js';
import { hexOf } from '../protocol/hex.js';
import { crc32c } from '../protocol/crc32.js';
import { IMAGE_PREFIX_BYTES } from '../protocol/image/image-prefix.js';
import { sameBytes } from '../protocol/little-endian.js';
import { BOARD_ERRORS } from '../protocol/wire/messages-board.js';
import type { Hello } from '../protocol/wire/messages-board.js';
import { BoardError, boardMalformed, otherImage, readBackDiffers, sampleDiffers } from './board-error.js';
import { checkingMs } from './checking-time.js';
import { systemClock } from './clock.js';
import type { Clock } from './clock.js';
import { BoardRequests } from './dfu/board-requests.js';
import type { DfuClient } from './dfu/dfu-client.js';
import { openDfu } from './dfu/dfu-device.js';
import { noDfu } from './dfu/dfu-error.js';
import { waitForSame } from './usb/same-device.js';
import type { DeviceIdentity } from './usb/same-device.js';
import { fileSha256, prove, runs, sectorLength } from './flash-image.js';
import type { FlashOptions, FlashResult } from './flash-image.js';
import { readBack } from './read-back.js';
import { BoardSession, type SessionOptions } from './session.js';
import { openPort } from './usb/open-port.js';
import { DFU_PROTOCOL, hasDfu, isDfu } from './usb/usb-classes.js';
import type { UsbDeviceInfo, UsbHost } from './usb/usb-device.js';
import { usbLost } from './usb/usb-error.js';

export interface UsbFlashOptions extends FlashOptions {
  readonly clock?: Clock;
  /** For how long a lost board is looked for; 0 gives up at once. */
  readonly reconnectMs?: number;
  /** Is told when the board went away and is looked for. */
  readonly onLost?: (error: BoardError) => void;
  /** Sees what goes over the board's serial port. */
  readonly observer?: SessionOptions['observer'];
}

export interface UsbFlashResult extends FlashResult {
  readonly hello: Hello;
  /** Bytes of the running image that were read back and compared. */
  readonly comparedBytes: number;
}

/** A board on USB. */
export interface UsbBoard {
  readonly host: UsbHost;
  readonly info: UsbDeviceInfo;
}

/** docs/USB.md, section 1. */
const SETTING = { setting: 'weights', settingWithoutName: 0 };
const NOTHING_RUNS = { isThere: false, isConfirmed: false };
const RECONNECT_MS = 15_000;
/** A board that starts again has its serial port by then. */
const RESTART_MS = 10_000;
/** So often it may go away without a sector written in between. */
const MAX_LOSSES = 5;
/** Pieces of the image that are read back, beside the first and the last one. */
const SAMPLES = 14;
const SAMPLE_BYTES = 4000;

/**
 * Flashes an image; the board runs it and has repeated its self-test when this is done.
 *
 * @param image checked (`ImageFile.openChecked`)
 * @throws BoardError; AbortError. The board runs the image from before then, if it has two slots.
 */
export async function flashOverUsb(
  { host, info }: UsbBoard,
  image: ImageFile,
  options: UsbFlashOptions = {},
): Promise<UsbFlashResult> {
  const work = new Work(host, info, image, options);
  try {
    const transferred = await work.persist(async (limitMs) => await work.transfer(limitMs));
    return { ...transferred, ...(await work.persist(async (limitMs) => await work.proof(limitMs))) };
  } finally {
    await host.close();
  }
}

type Transferred = Omit<UsbFlashResult, 'hello' | 'testedTokens' | 'comparedBytes'>;

class Work {
  readonly #host: UsbHost;
  readonly #image: ImageFile;
  readonly #options: UsbFlashOptions;
  readonly #wait: { readonly clock: Clock } & Pick<UsbFlashOptions, 'observer'> & {
      readonly signal: AbortSignal | undefined;
    };
  readonly #sha256: Uint8Array;
  #identity: DeviceIdentity;
  #writtenBytes = 0;
  /** Whether the board ran the image before, confirmed: it stays whatever the proof says. */
  #wasConfirmed = false;

  constructor(host: UsbHost, info: UsbDeviceInfo, image: ImageFile, options: UsbFlashOptions) {
    this.#host = host;
    this.#image = image;
    this.#options = options;
    const { clock = systemClock, signal, observer } = options;
    this.#wait = { clock, signal, observer };
    this.#sha256 = fileSha256(image);
    this.#identity = info;
  }

  /** Does work, from its start again when the board went away. @param work gets for how long to look for the board */
  async persist<T>(work: (limitMs: number) => Promise<T>): Promise<T> {
    const { reconnectMs = RECONNECT_MS, onLost, signal } = this.#options;
    let losses = 0;
    for (;;) {
      const writtenBefore = this.#writtenBytes;
      try {
        return await work(losses === 0 ? 0 : reconnectMs);
      } catch (error) {
        signal?.throwIfAborted();
        const isLost = error instanceof BoardError && error.code === 'board-lost' && reconnectMs > 0;
        losses = this.#writtenBytes > writtenBefore ? 1 : losses + 1;
        if (!isLost || losses > MAX_LOSSES) throw error;
        onLost?.(error);
      }
    }
  }

  /** Writes what differs and has the board run it, unless it does. */
  async transfer(limitMs: number): Promise<Transferred> {
    const info = await waitForSame(this.#host, this.#identity, hasDfu, { ...this.#wait, limitMs });
    const { isThere, isConfirmed } = await this.#whatRuns(info);
    this.#wasConfirmed = isThere && isConfirmed && this.#writtenBytes === 0;
    if (!isThere) await this.#flash(info);
    const newBytes = Math.min(this.#writtenBytes, this.#image.view.fileLength);
    return {
      outcome: newBytes > 0 || !isThere ? 'flashed' : this.#wasConfirmed ? 'already-there' : 'confirmed',
      writtenBytes: newBytes,
      keptBytes: this.#image.view.fileLength - newBytes,
      sha256: this.#sha256,
    };
  }

  /** What the board runs, over the serial port of the very device that was flashed. */
  async proof(limitMs: number): Promise<Pick<UsbFlashResult, 'hello' | 'testedTokens' | 'comparedBytes'>> {
    const transport = await openPort(this.#host, this.#identity, {
      ...this.#wait,
      limitMs: Math.max(limitMs, RESTART_MS),
    });
    const session = await BoardSession.open(transport, this.#wait);
    try {
      const { hello, name } = session;
      const { seal } = this.#image.view;
      if (this.#identity.serial !== '' && hello.serial !== this.#identity.serial) {
        throw usbLost(name, `Another board answers on its serial port: ${hello.serial}.`);
      }
      await session.stopForeignRun();
      if (!sameBytes(session.image.sha256, seal.sha256)) {
        throw otherImage(name, hexOf(session.image.sha256), hexOf(seal.sha256));
      }
      const comparedBytes = await this.#compareSamples(session);
      const testedTokens = await prove(session, this.#image, this.#wasConfirmed);
      return { hello, testedTokens, comparedBytes };
    } finally {
      await session.close();
    }
  }

  async #compareSamples(session: BoardSession): Promise<number> {
    const { source, view } = this.#image;
    const last = Math.max(0, view.fileLength - SAMPLE_BYTES);
    const offsets = [0, last, ...Array.from({ length: SAMPLES }, () => randomInt(last + 1))];
    let comparedBytes = 0;
    for (const offset of offsets) {
      const length = Math.min(SAMPLE_BYTES, view.fileLength - offset);
      const onBoard = await readBack(session, offset, length);
      const expected = source.read(offset, length).slice();
      if (!sameBytes(onBoard, expected)) throw sampleDiffers(session.name, offset);
      comparedBytes += length;
    }
    return comparedBytes;
  }

  /** What the board says over its serial port, as far as it has one that answers. */
  async #whatRuns(info: UsbDeviceInfo): Promise<{ readonly isThere: boolean; readonly isConfirmed: boolean }> {
    if (!this.#host.hasPort(info)) return NOTHING_RUNS;
    try {
      return await this.#ask(info);
    } catch (error) {
      if (!(error instanceof BoardError)) throw error;
      // A firmware that has stopped is what a flash may mend.
      if (error.code === 'board-silent') return NOTHING_RUNS;
      const isInDfuMode = info.interfaces.some((other) => isDfu(other) && other.protocol === DFU_PROTOCOL.dfu);
      if (error.facts['board_code'] !== BOARD_ERRORS.busy || !isInDfuMode) throw error;
    }
    // A program that was killed has left a download behind, for which the board refuses everything else for 5 s. If the
    // program is alive, it has the interface, which is then busy.
    const { client } = await openDfu(this.#host, info, this.#identity, { ...this.#wait, ...SETTING });
    await client.connection.close();
    return await this.#ask(info);
  }

  /** A board that need not be flashed is not brought to DFU mode, from which not every one comes back by itself. */
  async #ask(info: UsbDeviceInfo): Promise<{ readonly isThere: boolean; readonly isConfirmed: boolean }> {
    const session = await BoardSession.open(await this.#host.openPort(info, this.#wait.signal), this.#wait);
    try {
      const isThere = await runs(session, this.#image);
      return { isThere, isConfirmed: session.hello.image?.confirmed ?? false };
    } finally {
      await session.close();
    }
  }

  async #flash(info: UsbDeviceInfo): Promise<void> {
    const options = { ...this.#wait, ...SETTING };
    const { client, identity } = await openDfu(this.#host, info, this.#identity, options);
    try {
      const board = new BoardRequests(client);
      const hello = await board.hello();
      if (hello === undefined) throw noDfu(client.name);
      this.#identity = identity;
      await this.#write(client, board, hello);
    } finally {
      await client.connection.close();
    }
  }

  async #write(client: DfuClient, board: BoardRequests, hello: Hello): Promise<void> {
    try {
      await this.#writeSectors(client, board, hello, false);
    } catch (error) {
      // The checksums by which the sectors were chosen were deceived.
      const isDamaged = error instanceof BoardError && error.facts['board_code'] === BOARD_ERRORS.imageDamaged;
      if (!isDamaged) throw error;
      await client.toIdle();
      await this.#writeSectors(client, board, hello, true);
    }
  }

  async #writeSectors(client: DfuClient, board: BoardRequests, hello: Hello, everything: boolean): Promise<void> {
    const { signal, onProgress } = this.#options;
    const { source, view } = this.#image;
    const { sectorBytes } = hello;
    await board.begin(this.#head());
    const sectors = everything ? this.#allSectors(sectorBytes) : await this.#differing(board, sectorBytes);
    let doneBytes =
      view.fileLength - sectors.reduce((sum, sector) => sum + sectorLength(this.#image, sector, sectorBytes), 0);
    onProgress?.(doneBytes, view.fileLength);
    // Checking an image takes a board longer than a block does.
    const patienceMs = checkingMs(view.fileLength);
    let block = 0;
    let next = 0;
    for (const sector of sectors) {
      if (sector !== next) await board.seek(sector);
      next = sector + 1;
      const start = sector * sectorBytes;
      const end = start + sectorLength(this.#image, sector, sectorBytes);
      for (let at = start; at < end; at += client.blockBytes) {
        if (signal?.aborted === true) {
          await client.abort();
          signal.throwIfAborted();
        }
        const length = Math.min(client.blockBytes, end - at);
        await client.download(block++, source.read(at, length).slice(), `byte ${at} is written`, patienceMs);
        doneBytes += length;
        this.#writtenBytes += length;
        onProgress?.(doneBytes, view.fileLength);
      }
    }
    const end = await client.endDownload(block, undefined, patienceMs);
    // It goes on: what the board runs it says when it is back.
    if (end === 'silent') throw usbLost(client.name, 'It has taken everything, and then answered no more.');
    const hash = await board.hash();
    if (hash === undefined) throw boardMalformed(client.name, 'it does not tell the SHA-256 of what it has taken');
    if (!sameBytes(hash, this.#sha256)) throw readBackDiffers(client.name, hexOf(hash), hexOf(this.#sha256));
    if (end === 'wait-reset') await client.connection.reset();
  }

  #head(): { imageLength: number; prefix: Uint8Array; seal: Uint8Array } {
    const { source, view } = this.#image;
    const prefix = source.read(0, IMAGE_PREFIX_BYTES).slice();
    const seal = source.read(view.sealedLength, view.fileLength - view.sealedLength).slice();
    return { imageLength: view.fileLength, prefix, seal };
  }

  #allSectors(sectorBytes: number): number[] {
    return Array.from({ length: Math.ceil(this.#image.view.fileLength / sectorBytes) }, (_, sector) => sector);
  }

  async #differing(board: BoardRequests, sectorBytes: number): Promise<number[]> {
    const sectors = this.#allSectors(sectorBytes);
    const sums = await board.sums(sectors.length);
    return sectors.filter((sector) => {
      const length = sectorLength(this.#image, sector, sectorBytes);
      return crc32c(this.#image.source.read(sector * sectorBytes, length)) !== sums[sector];
    });
  }
}
