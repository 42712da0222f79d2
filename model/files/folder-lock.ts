/** A folder that one program at a time works in, for as long as it lives; where a system cannot lock, nothing is. */
import { closeSync, constants, openSync } from 'node:fs';
import { FileError } from './file-error.js';
import { lockFile } from './file-lock.js';

export class FolderLock {
  private descriptor: number | undefined;

  /** @throws FileError `file-in-use` */
  take(folder: string): void {
    if (constants.O_DIRECTORY === undefined) return;
    this.release();
    const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      lockFile(descriptor, folder);
      this.descriptor = descriptor;
    } catch (error) {
      closeSync(descriptor);
      if (!(error instanceof FileError && error.code === 'lock-unavailable')) throw error;
    }
  }

  /** It may be taken already. */
  release(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }
}
