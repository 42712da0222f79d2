/** Where the bits of a simulated flash are kept: in memory, or in a file that survives the program. */

import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { inputNotAFile } from '../../../model/files/file-error.js';
import { lockFile } from '../../../model/files/file-lock.js';
import { kindOf } from '../../../model/files/input-file.js';

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
 * A flash in a file, which is made (erased) if it does not exist, and its folder too. One program at a time.
 *
 * @param length in bytes
 * @throws the operating system's error; RangeError if the file has another length; FileError if another program has it,
 *   by whatever name, or if it cannot be locked
 */
export function fileStore(path: string, length: number): FlashStore {
  const descriptor = openLocked(path);
  try {
    if (isUnmade(descriptor, length)) make(descriptor, path, length);
    const { size } = fstatSync(descriptor);
    if (size !== length) throw new RangeError(`${path} has ${size} bytes, the flash of this board ${length}`);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return {
    length,
    read(offset, count) {
      const bytes = new Uint8Array(count);
      if (readAll(descriptor, bytes, offset) < count) {
        throw new RangeError(`${path} was cut short while the board was running`);
      }
      return bytes;
    },
    write: (offset, bytes) => writeAll(descriptor, bytes, offset),
    sync: () => fdatasyncSync(descriptor),
    close: () => closeSync(descriptor),
  };
}

/** The file at `path`, an empty one if nothing was there, with its lock, which is gone when it is closed. */
function openLocked(path: string): number {
  makeFolder(dirname(path));
  for (;;) {
    const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | (constants.O_NONBLOCK ?? 0), 0o666);
    try {
      const stats = fstatSync(descriptor, { bigint: true });
      if (!stats.isFile()) throw inputNotAFile(path, kindOf(stats));
      lockFile(descriptor, path);
      // Somebody who could not make it may have taken it away in between; then it is a file that nobody finds again.
      const named = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (named?.dev === stats.dev && named.ino === stats.ino) return descriptor;
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    closeSync(descriptor);
  }
}

/**
 * One level: what is missing above it is more likely a wrong path. Not with `recursive`: Node 20 never returns from
 * that under /proc.
 */
function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // Where it is there already, some systems say first that nothing may be made there.
    if (code !== 'EEXIST' && !(code !== 'ENOENT' && existsSync(path))) throw error;
  }
}

/**
 * Whether a file is empty or the beginning of an erased flash, as it is when whoever made it was stopped: its length is
 * right only when it is whole. The lock is ours, so nobody is about to.
 */
function isUnmade(descriptor: number, length: number): boolean {
  const { size } = fstatSync(descriptor);
  if (size >= length) return false;
  for (let at = 0; at < size; at += PIECE_BYTES) {
    const bytes = new Uint8Array(Math.min(PIECE_BYTES, size - at));
    readAll(descriptor, bytes, at);
    if (!bytes.every((byte) => byte === ERASED)) return false;
  }
  return true;
}

/** Erases a whole flash. If that fails, no file is left. */
function make(descriptor: number, path: string, length: number): void {
  const erased = new Uint8Array(PIECE_BYTES).fill(ERASED);
  try {
    needRoom(descriptor, path, length);
    for (let at = 0; at < length; at += PIECE_BYTES) {
      writeAll(descriptor, erased.subarray(0, Math.min(PIECE_BYTES, length - at)), at);
    }
    fdatasyncSync(descriptor);
  } catch (error) {
    rmSync(path, { force: true });
    throw error instanceof Error ? Object.assign(error, { path }) : error;
  }
}

/** Before a disk is filled for nothing. @throws an error like the system's, ENOSPC */
function needRoom(descriptor: number, path: string, length: number): void {
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize >= length - fstatSync(descriptor).size) return;
  throw Object.assign(new Error(`ENOSPC: no space left on device, write '${path}'`), {
    code: 'ENOSPC',
    syscall: 'write',
  });
}

/** @returns bytes that were read; fewer at the end of the file */
function readAll(descriptor: number, into: Uint8Array, offset: number): number {
  let done = 0;
  while (done < into.length) {
    const read = readSync(descriptor, into, done, into.length - done, offset + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

function writeAll(descriptor: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(descriptor, bytes, done, bytes.length - done, offset + done);
}
