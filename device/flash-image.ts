/**
 * Brings an image file onto a board: only the sectors that differ are written, so that an interrupted flash goes on and
 * an update costs what has changed. docs/PROTOCOL.md, section 6.
 */

import { createHash } from 'node:crypto';
import { selfTestStream } from '../model/machine/self-test.js';
import type { ImageFile } from '../model/image-file.js';
import { hexOf } from '../protocol/hex.js';
import { crc32c } from '../protocol/crc32.js';
import { IMAGE_PREFIX_BYTES } from '../protocol/image/image-prefix.js';
import { sameBytes } from '../protocol/little-endian.js';
import {
  CONFIRM,
  FLASH_BEGIN,
  FLASH_COMPARE,
  FLASH_DATA,
  FLASH_END,
  FLASH_ENDED,
  FLASH_READ,
  FLASH_READY,
  FLASH_SUMS,
  FLASH_WRITE,
  FLASH_WRITE_BYTES,
  MAX_FLASH_SUMS,
  REVERT,
} from '../protocol/wire/messages-flash.js';
import { BOARD_ERRORS } from '../protocol/wire/messages-board.js';
import { DONE, RESET, STEP, STEPPED } from '../protocol/wire/messages-run.js';
import { BoardError, boardMalformed, notFlashableByProtocol, readBackDiffers, wrongTokens } from './board-error.js';
import type { BoardConnection } from './connection.js';
import type { BoardSession } from './session.js';

export interface FlashOptions {
  readonly signal?: AbortSignal;
  /** Bytes of the image that the board has, of all. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

export interface FlashResult {
  /** What the board did: wrote and started it, only started it (it was there), or nothing (it runs it already). */
  readonly outcome: 'flashed' | 'confirmed' | 'already-there';
  /** Bytes in the sectors that differed. */
  readonly writtenBytes: number;
  /** Bytes in those that did not. */
  readonly keptBytes: number;
  /** SHA-256 of the file, which is also what the board reads back. */
  readonly sha256: Uint8Array;
  /** Tokens of the self-test, which the board has repeated. */
  readonly testedTokens: number;
}

/** Tokens of the self-test that are under way at a time. */
const STEPS_AHEAD = 8;

const PIECE_BYTES = 2 ** 20;

/**
 * Flashes an image, lets the board prove that it computes it, and makes it stay. Goes on by itself when the wire
 * breaks. The `hello` of the connection stays that from before; whoever wants to generate opens a new one.
 *
 * @param image checked (`ImageFile.openChecked`)
 * @throws BoardError; AbortError. The board runs the image from before then, if it has two slots.
 */
export async function flashImage(
  connection: BoardConnection,
  image: ImageFile,
  options: FlashOptions = {},
): Promise<FlashResult> {
  const sha256 = fileSha256(image);
  let writtenBytes = 0;
  /** The most that was there before anything was sent, by the board's checksums: what was sent may be lost. */
  let foundBytes = 0;
  const counted = {
    ...options,
    onWritten: (bytes: number): void => void (writtenBytes += bytes),
    onFound: (bytes: number): void => void (foundBytes = Math.max(foundBytes, bytes)),
  };
  const work = async (session: BoardSession): Promise<FlashResult> => {
    await session.stopForeignRun();
    const isThere = await runs(session, image);
    if (!isThere) {
      const readBack = await written(session, image, counted);
      if (!sameBytes(readBack, sha256)) throw readBackDiffers(session.name, hexOf(readBack), hexOf(sha256));
    }
    const isConfirmed = isThere && session.image.confirmed;
    const testedTokens = await prove(session, image, isConfirmed);
    const newBytes = Math.min(writtenBytes, image.view.fileLength);
    return {
      outcome: writtenBytes > 0 || !isThere ? 'flashed' : isConfirmed ? 'already-there' : 'confirmed',
      writtenBytes: newBytes,
      keptBytes: image.view.fileLength - newBytes,
      sha256,
      testedTokens,
    };
  };
  return await connection.persist(work, { progress: () => foundBytes });
}

/**
 * How many bytes {@link flashImage} would write. The board writes no image, and refuses as it would; if nobody has
 * confirmed the one that runs, it goes back to the one before.
 */
export async function planFlash(session: BoardSession, image: ImageFile): Promise<{ readonly differingBytes: number }> {
  if (await runs(session, image)) return { differingBytes: 0 };
  await session.stopForeignRun();
  await begin(session, image);
  const sectors = await differingSectors(session, image);
  const bytes = sectors.map((sector) => sectorLength(image, sector, session.hello.sectorBytes));
  return { differingBytes: bytes.reduce((sum, length) => sum + length, 0) };
}

/** Whether the board runs the image. The seal's hash says nothing of the signature, so the seal itself is read back. */
export async function runs(session: BoardSession, { source, view }: ImageFile): Promise<boolean> {
  const { image } = session.hello;
  if (image === undefined || !sameBytes(image.sha256, view.seal.sha256)) return false;
  const length = view.fileLength - view.sealedLength;
  const seal = source.read(view.sealedLength, length).slice();
  try {
    const answer = await session.request(FLASH_READ, { offset: view.sealedLength, length }, FLASH_DATA);
    return sameBytes(answer.data, seal);
  } catch (error) {
    // A shorter file: the seal on the board is of another kind.
    if (error instanceof BoardError && error.facts['board_code'] === BOARD_ERRORS.writeOutOfOrder) return false;
    throw inWordsOfFlashing(session, error);
  }
}

/** That a board knows no requests for this is what the user must know, not which one it was. */
function inWordsOfFlashing({ name }: BoardSession, error: unknown): unknown {
  const isUnknown = error instanceof BoardError && error.code === 'board-unknown-request';
  return isUnknown ? notFlashableByProtocol(name, error) : error;
}

type TransferOptions = FlashOptions & {
  readonly onWritten: (bytes: number) => void;
  /** Is told how much of the image is there before anything is written. */
  readonly onFound: (bytes: number) => void;
};

/**
 * Writes what differs, or everything if the checksums by which that was found were deceived.
 *
 * @returns what is read back
 */
async function written(session: BoardSession, image: ImageFile, options: TransferOptions): Promise<Uint8Array> {
  const write = async (everything: boolean): Promise<Uint8Array> => {
    await transfer(session, image, everything, options);
    return (await session.request(FLASH_END, {}, FLASH_ENDED)).sha256;
  };
  try {
    return await write(false);
  } catch (error) {
    const isDamaged = error instanceof BoardError && error.facts['board_code'] === BOARD_ERRORS.imageDamaged;
    if (!isDamaged) throw error;
    return await write(true);
  }
}

async function transfer(
  session: BoardSession,
  image: ImageFile,
  everything: boolean,
  { signal, onProgress, onWritten, onFound }: TransferOptions,
): Promise<void> {
  const { sectorBytes } = session.hello;
  const totalBytes = image.view.fileLength;
  await begin(session, image);
  const sectors = everything
    ? Array.from({ length: Math.ceil(totalBytes / sectorBytes) }, (_, sector) => sector)
    : await differingSectors(session, image);
  let doneBytes = totalBytes - sectors.reduce((sum, sector) => sum + sectorLength(image, sector, sectorBytes), 0);
  onFound(doneBytes);
  onProgress?.(doneBytes, totalBytes);
  for (const sector of sectors) {
    const start = sector * sectorBytes;
    const end = start + sectorLength(image, sector, sectorBytes);
    for (let offset = start; offset < end; offset += FLASH_WRITE_BYTES) {
      signal?.throwIfAborted();
      const length = Math.min(FLASH_WRITE_BYTES, end - offset);
      await session.send(FLASH_WRITE, { offset, data: image.source.read(offset, length).slice() });
      doneBytes += length;
      onProgress?.(doneBytes, totalBytes);
    }
    onWritten(end - start);
  }
}

async function begin(session: BoardSession, { source, view }: ImageFile): Promise<void> {
  const { fileLength, sealedLength } = view;
  const prefix = source.read(0, IMAGE_PREFIX_BYTES).slice();
  const seal = source.read(sealedLength, fileLength - sealedLength).slice();
  const asking = session.request(FLASH_BEGIN, { imageLength: fileLength, prefix, seal }, FLASH_READY);
  const ready = await asking.catch((error: unknown) => {
    throw inWordsOfFlashing(session, error);
  });
  if (ready.imageLength !== fileLength) throw boardMalformed(session.name, 'it is ready for another image');
}

/** Numbers of the sectors in which the board's slot and the file differ, ascending. */
async function differingSectors(session: BoardSession, image: ImageFile): Promise<number[]> {
  const { sectorBytes } = session.hello;
  const count = Math.ceil(image.view.fileLength / sectorBytes);
  const differing: number[] = [];
  for (let firstSector = 0; firstSector < count; firstSector += MAX_FLASH_SUMS) {
    const sectors = Math.min(MAX_FLASH_SUMS, count - firstSector);
    const answer = await session.request(FLASH_COMPARE, { firstSector, sectors }, FLASH_SUMS);
    if (answer.firstSector !== firstSector || answer.crc32c.length !== sectors) {
      throw boardMalformed(session.name, 'it sends checksums of other sectors than asked for');
    }
    answer.crc32c.forEach((sum, index) => {
      const sector = firstSector + index;
      const length = sectorLength(image, sector, sectorBytes);
      if (crc32c(image.source.read(sector * sectorBytes, length)) !== sum) differing.push(sector);
    });
  }
  return differing;
}

/**
 * Makes the board repeat the self-test; the image stays if it does, else the one from before comes back.
 *
 * @param isConfirmed whether it stays in any case
 * @returns tokens tested
 */
export async function prove(session: BoardSession, image: ImageFile, isConfirmed: boolean): Promise<number> {
  const { tokens: fed, receipts } = selfTestStream(image.view.manifest);
  await session.request(RESET, {}, DONE);
  for (let first = 0; first < fed.length; first += STEPS_AHEAD) {
    const steps = fed.slice(first, first + STEPS_AHEAD).map((token) => {
      return session.request(STEP, { taps: 0, candidates: 0, token }, STEPPED);
    });
    for (const [index, { receipt }] of (await Promise.all(steps)).entries()) {
      const position = first + index;
      if (receipt === receipts[position]) continue;
      throw wrongTokens(session.name, position, fed[position] ?? 0, !isConfirmed && (await reverted(session)));
    }
  }
  if (!isConfirmed) await session.request(CONFIRM, {}, DONE);
  return fed.length;
}

/** Whether the image from before runs again. */
async function reverted(session: BoardSession): Promise<boolean> {
  try {
    await session.request(REVERT, {}, DONE);
    return true;
  } catch (error) {
    if (error instanceof BoardError && error.code === 'board-no-image') return false;
    throw error;
  }
}

/** Bytes of the file in a sector. */
export function sectorLength({ view }: ImageFile, sector: number, sectorBytes: number): number {
  return Math.min(sectorBytes, view.fileLength - sector * sectorBytes);
}

export function fileSha256({ source }: ImageFile): Uint8Array {
  const hash = createHash('sha256');
  for (let at = 0; at < source.length; at += PIECE_BYTES) {
    hash.update(source.read(at, Math.min(PIECE_BYTES, source.length - at)));
  }
  return new Uint8Array(hash.digest());
}
