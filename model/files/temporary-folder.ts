/** A folder for what a command needs while it runs, and nobody later. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeAtExit } from './leftovers.js';

/** @param parent where the system keeps temporary files unless given @throws the operating system's error */
export async function temporaryFolder(
  name: string,
  parent: string = tmpdir(),
): Promise<{ readonly path: string; readonly remove: () => Promise<void> }> {
  const path = await mkdtemp(join(parent, `mmfree-${name}-`));
  const isGone = removeAtExit(() => rmSync(path, { recursive: true, force: true }));
  const remove = async (): Promise<void> => {
    await rm(path, { recursive: true, force: true });
    isGone();
  };
  return { path, remove };
}
