/** Folders that are made with those above them. Node only. */
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isSystemError } from './system-error.js';

/**
 * Not by Node's `recursive`, which need not return where no folder can be made (Node 20.20, 22.23 and 24.21).
 *
 * @throws the operating system's error
 */
export async function makeFolder(folder: string): Promise<void> {
  const path = resolve(folder);
  try {
    await makeOne(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT') || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await makeOne(path);
  }
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
  }
}
