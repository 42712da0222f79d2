/** What a service keeps on the disk: a folder for one service at a time. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { lockFile } from '../../model/files/file-lock.js';
import { DISK } from './file-operations.js';
import { ConversationStore, type StoreLimits } from './store.js';

export interface StateFolder {
  readonly conversations: ConversationStore;
  /** Lets others have it. */
  close(): void;
}

/**
 * Takes the kernel's lock of a file in it, which is free when the process has ended, however it did.
 *
 * @param folder made if it is not there
 * @throws FileError `file-in-use`, `lock-unavailable`; the operating system's error
 */
export async function openStateFolder(folder: string, limits: () => StoreLimits): Promise<StateFolder> {
  await DISK.makeFolder(folder);
  const path = join(folder, 'lock');
  const descriptor = openSync(path, 'a', 0o600);
  const close = (): void => closeSync(descriptor);
  try {
    lockFile(descriptor, path);
    return { conversations: await ConversationStore.open(join(folder, 'conversations'), limits), close };
  } catch (error) {
    close();
    throw error;
  }
}
