/** Reading the files of a checkpoint: every refusal of the operating system becomes a `CheckpointError`. */

import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Stats } from 'node:fs';

import { isLfsPointer } from '../files/lfs-pointer.js';
import { isSystemError } from '../files/system-error.js';
import {
  fileNotFound,
  fileTooLarge,
  fileTruncated,
  fileUnreadable,
  lfsPointer,
  notARegularFile,
} from './checkpoint-error.js';

/** One `read` call takes at most 2³¹ − 1 bytes. */
const MAX_READ_BYTES = 1 << 30;

/** What is at `path` after following links, or undefined if nothing is. */
export async function statOrUndefined(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw asUnreadable(path, error);
  }
}

/**
 * Opens the regular file at `path` for reading. Pipes and devices are refused: opening one may wait forever. So are
 * pointers of Git LFS, which lie where any file of a checkpoint should be.
 */
export async function openRegularFile(path: string): Promise<{ handle: FileHandle; bytes: number }> {
  const stats = await statOrUndefined(path);
  if (stats === undefined) throw fileNotFound(path);
  if (!stats.isFile()) throw notARegularFile(path);
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw asUnreadable(path, error);
  }
  try {
    if (isLfsPointer(handle.fd, stats.size)) throw lfsPointer(path);
    return { handle, bytes: stats.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Fills `into` from `position` on. @throws CheckpointError also when the file has become shorter meanwhile */
export async function readFully(handle: FileHandle, path: string, into: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const length = Math.min(into.length - done, MAX_READ_BYTES);
    const bytesRead = await handle.read(into, done, length, position + done).then(
      (result) => result.bytesRead,
      (error: unknown) => {
        throw asUnreadable(path, error);
      },
    );
    if (bytesRead === 0) throw fileTruncated(path, into.length - done);
    done += bytesRead;
  }
}

/** The whole file, if it has at most `limitBytes`. */
export async function readSmallFile(path: string, limitBytes: number): Promise<Uint8Array> {
  const { handle, bytes } = await openRegularFile(path);
  try {
    if (bytes > limitBytes) throw fileTooLarge(path, bytes, limitBytes);
    const content = new Uint8Array(bytes);
    await readFully(handle, path, content, 0);
    return content;
  } finally {
    await handle.close();
  }
}

/** A file as it is in the folder. */
export interface SmallFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The same, if there is one. */
export async function readOptionalFile(path: string, limitBytes: number): Promise<SmallFile | undefined> {
  if ((await statOrUndefined(path)) === undefined) return undefined;
  return { path, bytes: await readSmallFile(path, limitBytes) };
}

function asUnreadable(path: string, error: unknown): Error {
  return fileUnreadable(path, error instanceof Error ? error : new Error(String(error)));
}
