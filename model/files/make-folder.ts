/** Folders that are made with those above them. Node only. */
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Not by Node's `recursive`, which goes on for ever where a file system says of a new folder that its parent does not
 * exist, although that does (Linux: `/proc`).
 *
 * @throws the operating system's error
 */
export async function makeFolder(folder: string): Promise<void> {
  const path = resolve(folder);
  try {
    await makeOne(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT') || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await makeOne(path);
  }
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
