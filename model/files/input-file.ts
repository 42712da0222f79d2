/**
 * Files that a user names, read without ever hanging, and without filling the memory.
 *
 * Each is opened without waiting: opening a pipe otherwise waits for its writer in a thread that even `process.exit`
 * then waits for (seen with Node 20.20). What must stay as it is while it is read is a regular file; texts may come
 * from pipes.
 */

import { closeSync, constants, createReadStream, fstatSync, openSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import type { Readable } from 'node:stream';
import { isatty, ReadStream } from 'node:tty';
import { inputIsLfsPointer, inputNotAFile, inputTooLarge } from './file-error.js';
import { isLfsPointer } from './lfs-pointer.js';

export interface ReadLimits {
  /** More than this many bytes are an error. */
  readonly limitBytes: number;
  /** Ends the reading, also of a pipe into which nobody writes. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The descriptor of a regular file.
 *
 * @throws FileError `input-not-a-file`, `input-lfs-pointer`; the operating system's error
 */
export function openRegular(path: string): number {
  const descriptor = openAtOnce(path);
  const stats = fstatSync(descriptor);
  if (stats.isFile()) return descriptor;
  closeSync(descriptor);
  throw inputNotAFile(path, kindOf(stats));
}

/** The whole of a regular file, such as a key. @throws FileError; the operating system's error; AbortError */
export async function readRegular(path: string, limits: ReadLimits): Promise<Uint8Array> {
  return await readDescriptor(openRegular(path), path, limits);
}

/**
 * The whole of a file, a pipe or a terminal, such as a text.
 *
 * @param path `-` is standard input, which is closed then
 * @throws FileError; the operating system's error; AbortError
 */
export async function readAny(path: string, limits: ReadLimits): Promise<Uint8Array> {
  if (path === '-') return await readStream(process.stdin, 'standard input', limits);
  return await readDescriptor(openAtOnce(path), path, limits);
}

/**
 * A file, a pipe or a terminal, piece by piece: as long as it is.
 *
 * @param path `-` is standard input, which is closed then
 * @throws FileError; the operating system's error; AbortError
 */
export async function* readAnyInPieces(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const stream = path === '-' ? process.stdin : openAny(path);
  if (signal !== undefined) addAbortSignal(signal, stream);
  try {
    yield* stream as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw naming(error, path);
  }
}

/** The whole of a stream, which is closed then. @param name for errors */
export async function readStream(stream: Readable, name: string, limits: ReadLimits): Promise<Uint8Array> {
  const { limitBytes, signal } = limits;
  if (signal !== undefined) addAbortSignal(signal, stream);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of stream as AsyncIterable<Uint8Array>) {
    bytes += piece.length;
    // Leaving the loop closes the stream.
    if (bytes > limitBytes) throw inputTooLarge(name, limitBytes);
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces, bytes));
}

/** What is there instead of a file, for errors. */
export function kindOf(stats: Pick<Stats, 'isFIFO' | 'isDirectory' | 'isSocket'>): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** @throws FileError `input-lfs-pointer`; the operating system's error, which names the path */
function openAtOnce(path: string): number {
  // Windows has no such flag, nor pipes among its files.
  const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  const stats = fstatSync(descriptor);
  if (!stats.isFile() || !isLfsPointer(descriptor, stats.size)) return descriptor;
  closeSync(descriptor);
  throw inputIsLfsPointer(path);
}

/** @throws FileError; the operating system's error */
function openAny(path: string): Readable {
  const descriptor = openAtOnce(path);
  return streamOf(descriptor, readable(descriptor, path));
}

/** Errors of reading do not name the file. */
function naming(error: unknown, path: string): unknown {
  return error instanceof Error && 'syscall' in error ? Object.assign(error, { path }) : error;
}

/** @throws FileError if it is a folder, and closes it */
function readable(descriptor: number, path: string): Stats {
  const stats = fstatSync(descriptor);
  if (!stats.isDirectory()) return stats;
  closeSync(descriptor);
  throw inputNotAFile(path, kindOf(stats));
}

async function readDescriptor(descriptor: number, path: string, limits: ReadLimits): Promise<Uint8Array> {
  const stats = readable(descriptor, path);
  if (stats.isFile() && stats.size > limits.limitBytes) {
    closeSync(descriptor);
    throw inputTooLarge(path, limits.limitBytes);
  }
  try {
    return await readStream(streamOf(descriptor, stats), path, limits);
  } catch (error) {
    throw naming(error, path);
  }
}

/**
 * A stream that owns the descriptor. What may have nothing to give for long is waited for by the event loop, not by a
 * thread.
 */
function streamOf(descriptor: number, stats: Stats): Readable {
  if (stats.isFIFO()) return new Socket({ fd: descriptor, readable: true, writable: false });
  if (isatty(descriptor)) return new ReadStream(descriptor);
  return createReadStream('', { fd: descriptor, autoClose: true });
}
