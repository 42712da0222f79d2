import type { FileHandle } from 'node:fs/promises';

/**
 * Writes bytes at a place of a file. Of the last ones that a disk has room for, the system writes a part at first.
 *
 * @throws the operating system's error
 */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}
