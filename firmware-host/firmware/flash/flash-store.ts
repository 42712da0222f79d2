/** Where the bits of a simulated flash are kept: in memory, or in a file that survives the program. */

import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

/** Bytes at fixed places. Offsets are in range; the flash has checked them. */
export interface FlashStore {
  readonly length: number;
  /** The bytes as they are now; the caller only reads them. */
  read(offset: number, length: number): Uint8Array;
  write(offset: number, bytes: Uint8Array): void;
  /** Returns when all that was written outlasts a power cut of the computer itself. */
  sync(): void;
  close(): void;
}

const ERASED = 0xff;
const PIECE_BYTES = 2 ** 20;

/** An erased flash in memory, or one with given contents, which it changes. */
export function memoryStore(contents: number | Uint8Array): FlashStore {
  const bytes = typeof contents === 'number' ? new Uint8Array(contents).fill(ERASED) : contents;
  return {
    length: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
    write: (offset, data) => bytes.set(data, offset),
    sync: () => {},
    close: () => {},
  };
}

/**
 * A flash in a file, which is made (erased) if it does not exist. One program at a time: a file beside it says which.
 *
 * @param length in bytes
 * @throws the operating system's error; RangeError if the file has another length, or another program has it
 */
export function fileStore(path: string, length: number): FlashStore {
  const unlock = lock(path);
  let descriptor: number;
  try {
    descriptor = openFlash(path, length);
  } catch (error) {
    unlock();
    throw error;
  }
  return {
    length,
    read(offset, count) {
      const bytes = new Uint8Array(count);
      for (let done = 0; done < count;) {
        const read = readSync(descriptor, bytes, done, count - done, offset + done);
        if (read === 0) throw new RangeError(`${path} was cut short while the board was running`);
        done += read;
      }
      return bytes;
    },
    write: (offset, bytes) => writeAll(descriptor, bytes, offset),
    sync: () => fdatasyncSync(descriptor),
    close: () => {
      closeSync(descriptor);
      unlock();
    },
  };
}

/** @returns what takes the lock away */
function lock(path: string): () => void {
  const lockPath = `${path}.lock`;
  const owner = ownerOf(lockPath);
  if (owner !== undefined && isAlive(owner)) throw new RangeError(`${path} is in use by process ${owner}`);
  // Left behind by a program that was killed.
  rmSync(lockPath, { force: true });
  writeFileSync(lockPath, String(process.pid), { flag: 'wx' });
  return () => rmSync(lockPath, { force: true });
}

function ownerOf(lockPath: string): number | undefined {
  try {
    const pid = Number(readFileSync(lockPath, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function openFlash(path: string, length: number): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r+');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    return makeFlash(path, length);
  }
  const { size } = fstatSync(descriptor);
  if (size === length) return descriptor;
  closeSync(descriptor);
  throw new RangeError(`${path} has ${size} bytes, the flash of this board ${length}`);
}

function makeFlash(path: string, length: number): number {
  const descriptor = openSync(path, 'wx+');
  const erased = new Uint8Array(PIECE_BYTES).fill(ERASED);
  try {
    for (let at = 0; at < length; at += PIECE_BYTES) {
      writeAll(descriptor, erased.subarray(0, Math.min(PIECE_BYTES, length - at)), at);
    }
  } catch (error) {
    // A short file would be refused at the next start; an empty one at least says nothing wrong.
    ftruncateSync(descriptor, 0);
    closeSync(descriptor);
    throw error;
  }
  return descriptor;
}

function writeAll(descriptor: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(descriptor, bytes, done, bytes.length - done, offset + done);
}
