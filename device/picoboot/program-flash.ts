/**
 * Brings bytes into the flash behind a boot ROM: only sectors that differ are written, so that the same command goes on
 * after a pulled cable. The first sector, without which no chip starts, is erased first and written last: a chip whose
 * flash is half written is in boot mode again when it gets its power back.
 */

import { sameBytes } from '../../protocol/little-endian.js';
import { flashDiffers } from './picoboot-error.js';
import type { PicobootClient } from './picoboot-client.js';
import { PAGE_BYTES, SECTOR_BYTES } from './picoboot-protocol.js';

/** Bytes that lie together. */
export interface FlashPiece {
  /** As the chip sees its flash: of the first one. */
  readonly address: number;
  readonly bytes: Uint8Array;
}

export interface ProgramOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes that are there, of all. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

export interface ProgramResult {
  readonly writtenBytes: number;
  readonly keptBytes: number;
}

/** Where the flash is, and the most that can be there. Both chips. */
const FLASH_START = 0x1000_0000;
const FLASH_END = 0x1100_0000;
const ERASED = 0xff;

interface Sector {
  readonly address: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What is there already. */
interface Comparison {
  readonly sectors: readonly Sector[];
  readonly found: ReadonlyMap<Sector, 'same' | 'erased' | 'other'>;
  /** In the sectors that differ, and in all. */
  readonly differingBytes: number;
  readonly totalBytes: number;
}

/** Bytes of the sectors that they are in. @throws RangeError for what is not within the flash */
export function bytesOfSectors(pieces: readonly FlashPiece[]): number {
  return sectorsOf(pieces).length * SECTOR_BYTES;
}

/**
 * Reads all that would be written. The drive takes nothing from then on.
 *
 * @throws BoardError; AbortError; RangeError for what is not within the flash
 */
export async function compareFlash(
  client: PicobootClient,
  pieces: readonly FlashPiece[],
  signal?: AbortSignal,
): Promise<Comparison> {
  const sectors = sectorsOf(pieces);
  await client.takeExclusive();
  await client.exitXip();
  const found = new Map<Sector, 'same' | 'erased' | 'other'>();
  for (const sector of sectors) {
    signal?.throwIfAborted();
    found.set(sector, stateOf(await client.read(sector.address, SECTOR_BYTES), sector));
  }
  const differing = sectors.filter((sector) => found.get(sector) !== 'same').length;
  return { sectors, found, differingBytes: differing * SECTOR_BYTES, totalBytes: sectors.length * SECTOR_BYTES };
}

/**
 * Writes, and reads everything back.
 *
 * @param pieces of which the first begins where the flash does
 * @throws BoardError; AbortError; RangeError for what is not within the flash. Nothing starts then that is not whole.
 */
export async function programFlash(
  client: PicobootClient,
  pieces: readonly FlashPiece[],
  { signal, onProgress }: ProgramOptions = {},
): Promise<ProgramResult> {
  const { sectors, found, differingBytes, totalBytes } = await compareFlash(client, pieces, signal);
  const [first, ...others] = sectors;
  if (first?.address !== FLASH_START) throw new RangeError('the first piece must begin where the flash does');
  if (differingBytes === 0) return { writtenBytes: 0, keptBytes: totalBytes };
  // The first one too, where it is the same.
  const writtenBytes = differingBytes + (found.get(first) === 'same' ? SECTOR_BYTES : 0);
  let doneBytes = totalBytes - writtenBytes;
  const done = (bytes: number): void => {
    doneBytes += bytes;
    onProgress?.(doneBytes, totalBytes);
  };
  done(0);

  if (found.get(first) !== 'erased') await client.erase(first.address, SECTOR_BYTES);
  for (const sector of others) {
    signal?.throwIfAborted();
    if (found.get(sector) === 'same') continue;
    if (found.get(sector) === 'other') await client.erase(sector.address, SECTOR_BYTES);
    await client.write(sector.address, sector.bytes);
    done(SECTOR_BYTES);
  }
  // An RP2040's boot ROM looks at the checksum of the first page.
  await client.write(first.address + PAGE_BYTES, first.bytes.slice(PAGE_BYTES));
  await client.write(first.address, first.bytes.slice(0, PAGE_BYTES));
  done(SECTOR_BYTES);
  await verify(client, sectors);
  return { writtenBytes, keptBytes: totalBytes - writtenBytes };
}

/** Only when all is written: where a flash is smaller than was thought, its end lies over its beginning. */
async function verify(client: PicobootClient, sectors: readonly Sector[]): Promise<void> {
  for (const sector of sectors) {
    if (stateOf(await client.read(sector.address, SECTOR_BYTES), sector) === 'same') continue;
    await client.erase(FLASH_START, SECTOR_BYTES);
    const last = sectors.at(-1)!;
    throw flashDiffers(client.name, sector.address, last.address + SECTOR_BYTES - FLASH_START);
  }
}

/** In order; what the pieces leave free in a sector is erased. @throws RangeError */
function sectorsOf(pieces: readonly FlashPiece[]): Sector[] {
  const sectors = new Map<number, Uint8Array<ArrayBuffer>>();
  for (const { address, bytes } of pieces) {
    if (address < FLASH_START || address + bytes.length > FLASH_END)
      throw new RangeError(`0x${address.toString(16)} … ${bytes.length} bytes are not within the flash`);
    for (let at = 0; at < bytes.length;) {
      const offset = (address + at) % SECTOR_BYTES;
      const start = address + at - offset;
      const sector = sectors.get(start) ?? new Uint8Array(SECTOR_BYTES).fill(ERASED);
      const part = bytes.subarray(at, at + SECTOR_BYTES - offset);
      sector.set(part, offset);
      sectors.set(start, sector);
      at += part.length;
    }
  }
  return Array.from(sectors, ([address, bytes]) => ({ address, bytes })).toSorted((a, b) => a.address - b.address);
}

function stateOf(onBoard: Uint8Array, { bytes }: Sector): 'same' | 'erased' | 'other' {
  if (sameBytes(onBoard, bytes)) return 'same';
  return onBoard.every((byte) => byte === ERASED) ? 'erased' : 'other';
}
