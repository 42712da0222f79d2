/** Files that the user names beside images and checkpoints. */
import { readFile } from 'node:fs/promises';

/** The whole file. @throws the operating system's error, which always names the path; Node's own does not for a folder */
export async function readInput(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw error instanceof Error ? Object.assign(error, { path }) : error;
  }
}
